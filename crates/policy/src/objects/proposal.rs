//! `proposal`, its data and its votes.

use policykit_core::{
    ObjectKind, ObjectRef, Value,
    ballot::{BallotValue, PollKind},
    snapshot::BallotView,
};

use super::{Host, no_attribute, object, user_value};
use crate::{
    methods::{account, users},
    vm::Raised,
};

/// Methods of a proposal, for hints.
const METHODS: &[&str] = &[
    "get_yes_votes",
    "get_no_votes",
    "get_all_boolean_votes",
    "get_choice_votes",
    "get_all_number_votes",
    "get_one_number_votes",
    "get_all_select_votes",
    "get_active_votes",
    "get_time_elapsed",
];

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
            "action" => Some(self.action()),
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
            other => Err(no_attribute("data", other, &["get", "set", "remove"])),
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
                let votes = self.votes(None, |ballot| match ballot {
                    BallotValue::Choice(option) => value.as_ref().is_none_or(|v| v == option),
                    BallotValue::Boolean(_) => false,
                });
                return Ok(Some(votes));
            }
            "get_active_votes" => {
                let kind = self.overlay.poll.as_ref().map(|poll| poll.kind);
                return Ok(kind.map(|kind| {
                    self.votes(None, |ballot| match kind {
                        PollKind::Boolean => matches!(ballot, BallotValue::Boolean(_)),
                        PollKind::Choice => matches!(ballot, BallotValue::Choice(_)),
                    })
                }));
            }
            "get_yes_votes" => |b| *b == BallotValue::Boolean(true),
            "get_no_votes" => |b| *b == BallotValue::Boolean(false),
            "get_all_boolean_votes" => |b| matches!(b, BallotValue::Boolean(_)),
            // No vote of this kind can be started yet, so there are none.
            "get_all_number_votes" | "get_one_number_votes" | "get_all_select_votes" | "get_select_voters" => |_| false,
            "get_select_votes_by_users" | "get_select_votes_by_candidates" => return Ok(Some(Value::Dict(Vec::new()))),
            "save" => return Ok(None),
            other => return Err(no_attribute("proposal", other, METHODS)),
        };
        let only = match argument(if name == "get_one_number_votes" { 1 } else { 0 }, "users") {
            None | Some(Value::None) => None,
            Some(value) => Some(users(&value).ok_or_else(|| Raised {
                class: "TypeError".to_owned(),
                message: format!("{name}(): `users` must be members or account ids"),
            })?),
        };
        Ok(Some(self.votes(only.as_deref(), wanted)))
    }

    /// The votes that are wanted, in the order they were cast. An empty list of users means nobody.
    fn votes(&self, only: Option<&[String]>, wanted: impl Fn(&BallotValue) -> bool) -> Value {
        let mut ballots: Vec<&BallotView> = self
            .snapshot
            .ballots
            .iter()
            .filter(|b| wanted(&b.value))
            .filter(|b| only.is_none_or(|users| users.contains(&b.voter.external_id)))
            .collect();
        ballots.sort_by(|a, b| (a.cast_at, &a.voter.external_id).cmp(&(b.cast_at, &b.voter.external_id)));
        Value::List(ballots.into_iter().map(vote).collect())
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

fn vote(ballot: &BallotView) -> Value {
    let user = user_value(&ballot.voter);
    let (label, value) = match &ballot.value {
        BallotValue::Boolean(yes) => {
            (if *yes { "yes".to_owned() } else { "no".to_owned() }, ("boolean_value".to_owned(), Value::Bool(*yes)))
        }
        BallotValue::Choice(option) => (option.clone(), ("value".to_owned(), Value::str(option))),
    };
    let who = match &user {
        Value::Object(user) => account(&user.id).to_owned(),
        _ => String::new(),
    };
    let attrs = vec![("user".to_owned(), user), value, ("vote_time".to_owned(), Value::DateTime(ballot.cast_at))];
    object(ObjectKind::Vote, &format!("{who}:{label}"), &format!("{who}: {label}"), attrs)
}
