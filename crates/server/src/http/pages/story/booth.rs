//! The vote of a proposal: how it stands, who has said what, and the ballot of whoever reads the page.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    ballot::{BallotValue, Cast, Poll, PollKind},
    proposal::Status,
};
use policykit_store::ProposalSheet;

use super::{Rights, next_look};
use crate::http::pages::{
    line::{by_candidate, said, says_something, sides, tally, voters},
    seats::{Chamber, Sides},
    words::{Moment, count, moment},
};

/// The vote.
#[derive(Debug, Clone)]
pub(crate) struct VoteView {
    pub(crate) question: String,
    pub(crate) state: &'static str,
    pub(crate) electorate: String,
    pub(crate) chamber: Option<Chamber>,
    /// One row for each answer; none where there are candidates.
    pub(crate) rows: Vec<VoteRow>,
    /// The same for each candidate.
    pub(crate) picked: Vec<(String, Vec<VoteRow>)>,
    pub(crate) named: Vec<NamedView>,
    pub(crate) unnamed: Option<String>,
    pub(crate) missing: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) booth: Booth,
    pub(crate) needs: Vec<Need>,
}

impl VoteView {
    /// What the rule wrote: the question, and what can be answered to it.
    pub(super) fn written(&mut self) -> Vec<&mut String> {
        let mut written = vec![&mut self.question];
        written.extend(self.rows.iter_mut().map(|row| &mut row.option));
        for (candidate, rows) in &mut self.picked {
            written.push(candidate);
            written.extend(rows.iter_mut().map(|row| &mut row.option));
        }
        written.extend(self.named.iter_mut().map(|named| &mut named.says));
        if let Booth::Open(ballot) = &mut self.booth {
            written.extend(ballot.options.iter_mut().map(|option| &mut option.word));
            written.extend(ballot.own.iter_mut().map(|(said, _)| said));
            for candidate in &mut ballot.candidates {
                written.push(&mut candidate.name);
                written.extend(candidate.options.iter_mut().map(|option| &mut option.word));
            }
        }
        written
    }
}

/// One answer and how many gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VoteRow {
    pub(crate) option: String,
    pub(crate) count: usize,
}

/// A ballot with its voter.
#[derive(Debug, Clone)]
pub(crate) struct NamedView {
    pub(crate) voter: String,
    pub(crate) icon: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) says: String,
    pub(crate) place: &'static str,
    pub(crate) at: Moment,
}

/// What the reader can do about it.
#[derive(Debug, Clone)]
pub(crate) enum Booth {
    /// Vote, change the vote or take it back.
    Open(Ballot),
    /// Nothing, and why.
    Shut(&'static str),
}

/// A ballot to fill in.
#[derive(Debug, Clone)]
pub(crate) struct Ballot {
    /// Which vote it is for, as forms send it.
    pub(crate) vote: String,
    /// How it is filled in: `radio`, or `checkbox` where several options may be chosen.
    pub(crate) input: &'static str,
    /// What can be chosen; none where there are candidates.
    pub(crate) options: Vec<OptionView>,
    /// What can be picked for each candidate.
    pub(crate) candidates: Vec<CandidateView>,
    /// When and what the reader has said before.
    pub(crate) own: Option<(String, Moment)>,
    /// The options that stand chosen when the page is made, as forms send them, where several may be.
    pub(crate) was: Vec<String>,
}

/// Somebody or something that an option is picked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CandidateView {
    pub(crate) name: String,
    /// The name as forms send it.
    pub(crate) value: String,
    /// The option that stands picked when the page is made, as forms send it; empty when none is.
    pub(crate) was: String,
    pub(crate) options: Vec<OptionView>,
}

/// An option on the ballot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionView {
    /// The option as forms send it.
    pub(crate) value: String,
    pub(crate) word: String,
    pub(crate) chosen: bool,
}

/// Something that must hold, or is known about when it will be decided.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) met: bool,
    pub(crate) text: String,
    pub(crate) at: Option<Moment>,
}

pub(super) fn view(sheet: &ProposalSheet, rights: Rights) -> Option<VoteView> {
    let proposal = &sheet.proposal;
    let poll = proposal.poll.as_ref()?;
    let open = proposal.poll_open && proposal.status == Status::Proposed;
    let all = voters(&sheet.tally);
    // That nobody has is said beside it.
    let voted = match all {
        0 => String::new(),
        n => format!("; {}", count(n, "person has voted", "people have voted")),
    };
    let named: Vec<NamedView> = sheet.ballots.iter().filter(|b| says_something(&b.value)).map(named).collect();
    Some(VoteView {
        question: poll.text.clone(),
        state: if open { "Open: votes can be changed." } else { "Closed." },
        electorate: match sheet.asked {
            None => format!("Everybody may vote{voted}"),
            Some(asked) => {
                format!("{} may vote{voted}", count(usize::try_from(asked).unwrap_or(0), "person", "people"))
            }
        },
        chamber: sides(poll, &sheet.tally, sheet.asked).and_then(Sides::chamber),
        rows: if poll.kind == PollKind::Select { Vec::new() } else { vote_rows(tally(poll, &sheet.tally)) },
        picked: by_candidate(poll, &sheet.tally).into_iter().map(|(who, rows)| (who, vote_rows(rows))).collect(),
        unnamed: (all > named.len())
            .then(|| count(all - named.len(), "earlier vote is not listed", "earlier votes are not listed")),
        named,
        missing: (open && !sheet.missing.is_empty()).then(|| sheet.missing.join(", ")),
        // Anything else than a web address could run as code when followed.
        url: poll.url.clone().filter(|u| u.starts_with("https://") || u.starts_with("http://")),
        booth: booth(sheet, poll, open, rights),
        needs: needs(sheet, open, all),
    })
}

fn vote_rows(rows: Vec<(String, usize)>) -> Vec<VoteRow> {
    rows.into_iter().map(|(option, count)| VoteRow { option, count }).collect()
}

fn named(ballot: &policykit_store::NamedBallot) -> NamedView {
    let says = said(&ballot.value);
    let (icon, tone) = match says.as_str() {
        "yes" => ("yes", "yes"),
        "no" => ("no", "no"),
        _ => ("tick", "quiet"),
    };
    NamedView {
        voter: ballot.voter.clone(),
        icon,
        tone,
        says: word(&says),
        place: match ballot.carried_by.as_deref() {
            Some("policykit.vote") => "Here",
            _ => "On the platform",
        },
        at: moment(ballot.cast_at),
    }
}

fn booth(sheet: &ProposalSheet, poll: &Poll, open: bool, rights: Rights) -> Booth {
    if !open {
        return Booth::Shut("The vote is closed; it takes no more votes.");
    }
    if !rights.votes {
        return Booth::Shut("Operators see votes, but only members vote.");
    }
    if !sheet.own.asked {
        return Booth::Shut("This vote does not ask you.");
    }
    let own = sheet.own.ballot.as_ref().filter(|(value, _)| says_something(value));
    let said_before = own.map(|(value, _)| value);
    let option = |option: &String, chosen| OptionView {
        value: as_sent(option),
        word: if poll.kind == PollKind::Boolean { word(option) } else { option.clone() },
        chosen,
    };
    let chosen: Vec<&str> = said_before.map(BallotValue::options).unwrap_or_default();
    let picked = |who: &String, what: &String| {
        said_before.is_some_and(|value| value.picks().any(|pick| pick == (who.as_str(), what.as_str())))
    };
    let candidate = |who: &String| {
        let options: Vec<OptionView> = poll.options.iter().map(|o| option(o, picked(who, o))).collect();
        let was = options.iter().find(|o| o.chosen).map(|o| o.value.clone()).unwrap_or_default();
        CandidateView { name: who.clone(), value: as_sent(who), was, options }
    };
    let options: Vec<OptionView> = match poll.kind {
        PollKind::Select => Vec::new(),
        _ => poll.options.iter().map(|o| option(o, chosen.contains(&o.as_str()))).collect(),
    };
    Booth::Open(Ballot {
        vote: poll.key().as_str().to_owned(),
        was: match poll.kind {
            PollKind::Multi => options.iter().filter(|o| o.chosen).map(|o| o.value.clone()).collect(),
            _ => Vec::new(),
        },
        input: if poll.kind == PollKind::Multi { "checkbox" } else { "radio" },
        options,
        candidates: poll.candidates.iter().map(candidate).collect(),
        own: own.map(|(value, at)| (said(value), moment(*at))),
    })
}

/// What policies call something, as forms send it: browsers change the ends of lines in everything they send.
fn as_sent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What a form sent, as policies call it.
fn as_called(sent: &str) -> String {
    url::form_urlencoded::parse(sent.as_bytes()).next().map_or_else(String::new, |(text, _)| text.into_owned())
}

/// A ballot as it is sent: the answers with those that stood chosen, where several may be; or candidates with what stood
/// picked for each and what is now, in the same order.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) choices: Vec<String>,
    pub(super) candidates: Vec<String>,
    pub(super) was: Vec<String>,
    pub(super) picks: Vec<String>,
}

/// What a filled-in ballot says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// This.
    Ballot(Cast),
    /// No more than was said before.
    NothingNew,
    /// What would take the place of something that whoever filled it in has not seen.
    Outdated,
    /// Nothing: no answer was chosen.
    Nothing,
}

/// What a filled-in ballot says to somebody who stands at `own`: the page may be older than what they have said elsewhere
/// since. About candidates it says only what was changed on it. Several options are said all at once, so that is refused
/// where others stand chosen by now than did on the page.
pub(super) fn cast(poll: &Poll, own: Option<&BallotValue>, filled: Filled) -> Says {
    let Filled { choices, candidates, was, picks } = filled;
    let said = |cast: Option<Cast>| cast.map_or(Says::Nothing, Says::Ballot);
    let mut choices = choices.iter().map(|choice| as_called(choice));
    match poll.kind {
        PollKind::Boolean | PollKind::Choice => said(choices.next().map(Cast::For)),
        PollKind::Multi => {
            let chosen: BTreeSet<String> = choices.collect();
            let stands: BTreeSet<String> =
                own.map(BallotValue::options).unwrap_or_default().into_iter().map(str::to_owned).collect();
            match was.iter().map(|was| as_called(was)).collect::<BTreeSet<String>>() {
                _ if chosen.is_empty() => Says::Nothing,
                _ if chosen == stands => Says::NothingNew,
                was if was != stands => Says::Outdated,
                _ => Says::Ballot(Cast::Several(chosen)),
            }
        }
        PollKind::Select => {
            // Picks that do not belong to candidates are nobody's.
            if candidates.len() != picks.len() || candidates.len() != was.len() {
                return Says::Nothing;
            }
            let changed = candidates.iter().zip(&was).zip(&picks).filter(|((_, was), pick)| was != pick);
            let changed: BTreeMap<String, Option<String>> =
                changed.map(|((who, _), pick)| (as_called(who), (!pick.is_empty()).then(|| as_called(pick)))).collect();
            if !changed.is_empty() {
                Says::Ballot(Cast::Picks(changed))
            } else if was.iter().any(|was| !was.is_empty()) {
                Says::NothingNew
            } else {
                Says::Nothing
            }
        }
    }
}

/// What is known about when it will be decided. What exactly the rule asks for stands in its code.
fn needs(sheet: &ProposalSheet, open: bool, all: usize) -> Vec<Need> {
    if !open {
        return Vec::new();
    }
    let mut needs = Vec::new();
    if let Some(asked) = sheet.asked.and_then(|asked| usize::try_from(asked).ok()) {
        needs.push(Need {
            met: all >= asked,
            text: format!("{all} of the {asked} who are asked have voted"),
            at: None,
        });
    }
    let (rule, means) = (&sheet.policy.draft.name, sheet.policy.draft.description.trim());
    let text = match means {
        "" => format!("“{rule}” counts again with every vote"),
        means => format!("“{rule}” counts again with every vote: {means}"),
    };
    needs.push(Need { met: false, text, at: None });
    if let Some(at) = next_look(sheet) {
        needs.push(Need {
            met: false,
            text: "It looks again by itself, whether anybody votes or not".to_owned(),
            at: Some(at),
        });
    }
    needs
}

fn word(option: &str) -> String {
    let mut letters = option.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
