//! `proposal`, its data and its votes.

use policykit_core::{
    ObjectKind, ObjectRef, Value,
    ballot::{BallotValue, PollKind},
    snapshot::BallotView,
};

use super::{Host, known, no_attribute, object, user_value};
use crate::{
    methods::{account, users},
    sandbox::Raised,
};

impl Host {
    pub(super) fn proposal(&self) -> Value {
        let view = &self.snapshot.proposal;
        let id = view.id.to_string();
        let attrs = vec![
            ("id".to_owned(), Value::str(&id)),
            ("pk".to_owned(), Value::str(&id)),
            ("proposal_time".to_owned(), Value::DateTime(view.created_at)),
            ("status".to_owned(), Value::str(view.status.as_str())),
            ("data".to_owned(), object(ObjectKind::Data, &id, "DataStore", Vec::new())),
        ];
        object(ObjectKind::Proposal, &id, &format!("Proposal {id}"), attrs)
    }

    pub(super) fn proposal_attribute(&self, name: &str) -> Option<Value> {
        let before = self.snapshot.proposal.vote.as_ref();
        let started = self.overlay.poll.as_ref();
        let text = |text: Option<String>| text.map_or(Value::None, Value::Str);
        match name {
            "vote_post_id" => {
                Some(text(started.map(|p| p.post_id.clone()).or_else(|| before.map(|v| v.post_id.clone()))))
            }
            "vote_url" => {
                Some(text(started.map_or_else(|| before.and_then(|v| v.url.clone()), |poll| poll.url.clone())))
            }
            "is_vote_closed" => Some(Value::Bool(match (started, before) {
                (Some(poll), Some(vote)) if poll.post_id == vote.post_id => !vote.open,
                (Some(_), _) => false,
                (None, Some(vote)) => !vote.open,
                (None, None) => self.snapshot.proposal.status != policykit_core::policy::Verdict::Proposed,
            })),
            "policy" => Some(self.policy()),
            "action" => Some(super::action(&self.snapshot.action)),
            _ => None,
        }
    }

    pub(super) fn data_method(
        &mut self,
        name: &str,
        args: &[Value],
        kwargs: &[(String, Value)],
    ) -> Result<Option<Value>, Raised> {
        let argument = |index: usize, named: &str| {
            args.get(index).or_else(|| kwargs.iter().find(|(k, _)| k == named).map(|(_, v)| v))
        };
        let Some(key) = argument(0, "key").and_then(Value::as_str) else {
            return Err(Raised {
                class: "TypeError".to_owned(),
                message: format!("data.{name}(): `key` must be given and be text"),
            });
        };
        match name {
            "get" => Ok(self.overlay.data.get(key).map(Value::from_json)),
            "set" => {
                let value = argument(1, "value").map_or(serde_json::Value::Null, Value::to_json);
                self.overlay.data.insert(key.to_owned(), value);
                Ok(Some(Value::Bool(true)))
            }
            "remove" => Ok(Some(Value::Bool(self.overlay.data.remove(key).is_some()))),
            other => Err(no_attribute("data", other, &known::method_names(ObjectKind::Data))),
        }
    }

    pub(super) fn proposal_method(
        &mut self,
        name: &str,
        args: &[Value],
        kwargs: &[(String, Value)],
    ) -> Result<Option<Value>, Raised> {
        let argument = |index: usize, named: &str| {
            args.get(index).or_else(|| kwargs.iter().find(|(k, _)| k == named).map(|(_, v)| v)).cloned()
        };
        let wanted: fn(&BallotValue) -> bool = match name {
            "get_time_elapsed" => {
                self.report.read_clock = true;
                let elapsed = self.snapshot.now.micros_since(self.snapshot.proposal.created_at);
                return Ok(Some(Value::Duration(elapsed)));
            }
            "get_choice_votes" => {
                let value = argument(0, "value").and_then(|v| v.as_str().map(str::to_owned));
                return Ok(Some(self.choices(value.as_deref())));
            }
            "get_active_votes" => {
                let before = self.snapshot.proposal.vote.as_ref().and_then(|vote| vote.kind);
                let kind = self.overlay.poll.as_ref().map(|poll| poll.kind).or(before);
                return Ok(kind.map(|kind| match kind {
                    PollKind::Boolean => self.votes(None, |ballot| matches!(ballot, BallotValue::Boolean(_))),
                    PollKind::Choice | PollKind::Multi => self.choices(None),
                    PollKind::Select => self.picks(),
                }));
            }
            "get_yes_votes" => |b| *b == BallotValue::Boolean(true),
            "get_no_votes" => |b| *b == BallotValue::Boolean(false),
            "get_all_boolean_votes" => |b| matches!(b, BallotValue::Boolean(_)),
            // No vote of this kind can be started yet, so there are none.
            "get_all_number_votes" | "get_one_number_votes" => |_| false,
            "get_all_select_votes" => return Ok(Some(self.picks())),
            "get_select_voters" => return Ok(Some(self.pickers())),
            "get_select_votes_by_users" => return Ok(Some(self.picks_by_user())),
            "get_select_votes_by_candidates" => {
                let only = named(name, argument(0, "users"))?;
                return Ok(Some(self.picks_by_candidate(only.as_deref())));
            }
            "save" => return Ok(None),
            other => return Err(no_attribute("proposal", other, &known::method_names(ObjectKind::Proposal))),
        };
        let only = named(name, argument(if name == "get_one_number_votes" { 1 } else { 0 }, "users"))?;
        Ok(Some(self.votes(only.as_deref(), wanted)))
    }

    /// The votes that are wanted, in the order they were cast. An empty list of users means nobody.
    fn votes(&self, only: Option<&[String]>, wanted: impl Fn(&BallotValue) -> bool) -> Value {
        let votes = self.cast(only).into_iter().filter(|ballot| wanted(&ballot.value)).map(|ballot| {
            let yes = ballot.value == BallotValue::Boolean(true);
            vote(ballot, if yes { "yes" } else { "no" }, vec![("boolean_value", Value::Bool(yes))])
        });
        Value::List(votes.collect())
    }

    /// A vote for each option that was chosen, of one option or of all; who chose several has as many.
    fn choices(&self, option: Option<&str>) -> Value {
        let mut votes = Vec::new();
        for ballot in self.cast(None) {
            if matches!(ballot.value, BallotValue::Choice(_) | BallotValue::Multi(_)) {
                let chosen = ballot.value.options().into_iter().filter(|chosen| option.is_none_or(|o| o == *chosen));
                votes.extend(chosen.map(|chosen| vote(ballot, chosen, vec![("value", Value::str(chosen))])));
            }
        }
        Value::List(votes)
    }

    /// A vote for each candidate that an option was picked for.
    fn picks(&self) -> Value {
        let mut votes = Vec::new();
        for ballot in self.cast(None) {
            votes.extend(ballot.value.picks().map(|(candidate, option)| {
                let attrs = vec![("candidate", Value::str(candidate)), ("option", Value::str(option))];
                vote(ballot, &format!("{candidate}:{option}"), attrs)
            }));
        }
        Value::List(votes)
    }

    fn pickers(&self) -> Value {
        let voters = self.cast(None).into_iter().filter(|ballot| ballot.value.picks().next().is_some());
        Value::List(voters.map(|ballot| Value::str(ballot.voter.username())).collect())
    }

    /// `{username: {candidate: option}}`
    fn picks_by_user(&self) -> Value {
        let by_user = self.cast(None).into_iter().filter_map(|ballot| {
            let picks: Vec<(Value, Value)> =
                ballot.value.picks().map(|(candidate, option)| (Value::str(candidate), Value::str(option))).collect();
            (!picks.is_empty()).then(|| (Value::str(ballot.voter.username()), Value::Dict(picks)))
        });
        Value::Dict(by_user.collect())
    }

    /// `{candidate: {option: [usernames]}}`
    fn picks_by_candidate(&self, only: Option<&[String]>) -> Value {
        let mut all: ByKey<'_, ByKey<'_, Vec<Value>>> = Vec::new();
        for ballot in self.cast(only) {
            for (candidate, option) in ballot.value.picks() {
                let voters = entry(entry(&mut all, candidate), option);
                voters.push(Value::str(ballot.voter.username()));
            }
        }
        let options = |options: Vec<(&str, Vec<Value>)>| {
            Value::Dict(options.into_iter().map(|(option, voters)| (Value::str(option), Value::List(voters))).collect())
        };
        Value::Dict(all.into_iter().map(|(candidate, by)| (Value::str(candidate), options(by))).collect())
    }

    /// Ballots of the present vote in the order they were cast.
    fn cast(&self, only: Option<&[String]>) -> Vec<&BallotView> {
        let mut ballots: Vec<&BallotView> = self
            .snapshot
            .ballots
            .iter()
            .filter(|b| {
                only.is_none_or(|users| {
                    users.iter().any(|user| *user == b.voter.external_id || user == b.voter.username())
                })
            })
            .collect();
        ballots.sort_by(|a, b| (a.cast_at, &a.voter.external_id).cmp(&(b.cast_at, &b.voter.external_id)));
        ballots
    }

    pub(super) fn time_since_vote(&mut self, receiver: &ObjectRef) -> Result<Option<Value>, Raised> {
        self.report.read_clock = true;
        let cast = receiver.attrs.iter().find_map(|(name, value)| match value {
            Value::DateTime(at) if name == "vote_time" => Some(*at),
            _ => None,
        });
        Ok(cast.map(|at| Value::Duration(self.snapshot.now.micros_since(at))))
    }
}

/// The account ids a method is limited to.
fn named(method: &str, given: Option<Value>) -> Result<Option<Vec<String>>, Raised> {
    match given {
        None | Some(Value::None) => Ok(None),
        Some(value) => users(&value).map(Some).ok_or_else(|| Raised {
            class: "TypeError".to_owned(),
            message: format!("{method}(): `users` must be members or account ids"),
        }),
    }
}

/// Values by key, in the order in which keys were first used.
type ByKey<'k, T> = Vec<(&'k str, T)>;

/// The value under a key.
fn entry<'a, 'k, T: Default>(all: &'a mut ByKey<'k, T>, key: &'k str) -> &'a mut T {
    let at = all.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        all.push((key, T::default()));
        all.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "`at` was found or made a line above")]
    &mut all[at].1
}

fn vote(ballot: &BallotView, label: &str, says: Vec<(&str, Value)>) -> Value {
    let user = user_value(&ballot.voter);
    let who = match &user {
        Value::Object(user) => account(&user.id).to_owned(),
        _ => String::new(),
    };
    let mut attrs = vec![("user".to_owned(), user)];
    attrs.extend(says.into_iter().map(|(name, value)| (name.to_owned(), value)));
    attrs.push(("vote_time".to_owned(), Value::DateTime(ballot.cast_at)));
    object(ObjectKind::Vote, &format!("{who}:{label}"), &format!("{who}: {label}"), attrs)
}
