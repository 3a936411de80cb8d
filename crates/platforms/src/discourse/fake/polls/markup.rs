//! Polls as they are written in posts: `[poll type=multiple public=true] * one * two [/poll]`.

use policykit_core::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Poll, Vote};
use crate::discourse::fake::errors::Refusal;

/// How a poll is voted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discourse::fake) enum Kind {
    Regular,
    Multiple,
    Number,
    Ranked,
}

impl Kind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Regular, "regular"),
        (Self::Multiple, "multiple"),
        (Self::Number, "number"),
        (Self::Ranked, "ranked_choice"),
    ];

    /// Discourse's word.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }
}

/// When results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discourse::fake) enum Results {
    Always,
    OnVote,
    OnClose,
    StaffOnly,
}

impl Results {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Always, "always"),
        (Self::OnVote, "on_vote"),
        (Self::OnClose, "on_close"),
        (Self::StaffOnly, "staff_only"),
    ];

    /// Discourse's word.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(results, _)| *results == self).map_or("", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(results, _)| *results)
    }
}

/// An option: its id follows from its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::discourse::fake) struct Choice {
    pub(in crate::discourse::fake) id: String,
    pub(in crate::discourse::fake) html: String,
}

/// What a post says about a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::discourse::fake) struct Shape {
    pub(in crate::discourse::fake) name: String,
    pub(in crate::discourse::fake) kind: Kind,
    pub(in crate::discourse::fake) public: bool,
    pub(in crate::discourse::fake) results: Results,
    pub(in crate::discourse::fake) min: Option<i64>,
    pub(in crate::discourse::fake) max: Option<i64>,
    pub(in crate::discourse::fake) step: Option<i64>,
    pub(in crate::discourse::fake) close: Option<Timestamp>,
    pub(in crate::discourse::fake) groups: Option<String>,
    pub(in crate::discourse::fake) title: Option<String>,
    pub(in crate::discourse::fake) options: Vec<Choice>,
}

impl Shape {
    /// A poll of this shape that nobody voted in yet.
    pub(in crate::discourse::fake) fn begin(self, now: Timestamp) -> Poll {
        let closed = self.close.is_some_and(|close| close <= now);
        Poll { shape: self, closed, begun_at: now, votes: Vec::new() }
    }

    /// The options of a vote that the poll has, in the poll's order.
    pub(super) fn read_options(&self, user: i64, given: &Value) -> Vec<Vote> {
        let ranks: Vec<(String, i64)> = match given {
            Value::Array(items) => items.iter().filter_map(ranked).collect(),
            Value::Object(items) => items.values().filter_map(ranked).collect(),
            other => ranked(other).into_iter().collect(),
        };
        let rank_of = |id: &str| ranks.iter().find(|(option, _)| option == id).map(|(_, rank)| *rank);
        self.options
            .iter()
            .filter_map(|option| {
                let rank = rank_of(&option.id)?;
                let rank = if self.kind == Kind::Ranked { rank } else { 0 };
                Some(Vote { user, option: option.id.clone(), rank })
            })
            .collect()
    }

    /// Whether somebody may choose so many options.
    pub(super) fn check_count(&self, count: usize) -> Result<(), Refusal> {
        let number = i64::try_from(count).unwrap_or(i64::MAX);
        let wrong = match self.kind {
            Kind::Multiple => {
                let least = self.min.filter(|min| number < *min);
                let most = self.max.filter(|max| number > *max);
                least
                    .map(|min| format!("A minimum of {min} options must be selected for this poll."))
                    .or_else(|| most.map(|max| format!("A maximum of {max} options can be selected for this poll.")))
            }
            Kind::Ranked => (count != self.options.len()).then(|| {
                format!("Incorrect number of options in vote. Expected: {}, received: {count}.", self.options.len())
            }),
            Kind::Regular | Kind::Number => (count > 1).then(|| "Only 1 vote is allowed for this poll.".to_owned()),
        };
        wrong.map_or(Ok(()), |message| Err(Refusal::rule(message)))
    }
}

fn ranked(item: &Value) -> Option<(String, i64)> {
    match item {
        Value::String(id) => Some((id.clone(), 0)),
        Value::Object(fields) => {
            let rank = fields.get("rank").and_then(|rank| rank.as_i64().or_else(|| rank.as_str()?.parse().ok()));
            Some((fields.get("digest")?.as_str()?.to_owned(), rank.unwrap_or(0)))
        }
        _ => None,
    }
}

/// All polls that a post holds. Quoted ones do not count.
pub(in crate::discourse::fake) fn read(raw: &str) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    let mut quoted = 0_u32;
    let mut fenced = false;
    for line in raw.lines().map(str::trim) {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            continue;
        } else if line.starts_with("[quote") {
            quoted = quoted.saturating_add(1);
        } else if line == "[/quote]" {
            quoted = quoted.saturating_sub(1);
        } else if quoted > 0 {
            continue;
        } else if line == "[/poll]" {
            if let Some((head, lines)) = open.take() {
                shapes.push(shape(head, &lines));
            }
        } else if let Some(head) = line.strip_prefix("[poll").and_then(|rest| rest.strip_suffix(']')) {
            open = Some((head, Vec::new()));
        } else if let Some((_, lines)) = &mut open {
            lines.push(line);
        }
    }
    shapes
}

fn shape(head: &str, lines: &[&str]) -> Shape {
    let attribute = |name: &str| {
        let (_, rest) = head.split_once(&format!(" {name}="))?;
        let value = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split_whitespace().next(),
        };
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let number = |name: &str| attribute(name).and_then(|value| value.parse().ok());
    let kind = attribute("type").and_then(|word| Kind::parse(&word)).unwrap_or(Kind::Regular);
    let (min, max, step): (Option<i64>, Option<i64>, Option<i64>) = (number("min"), number("max"), number("step"));
    let written = || {
        let words = lines.iter().filter_map(|line| line.strip_prefix("* ").or_else(|| line.strip_prefix("- ")));
        words.map(str::trim).map(choice).collect()
    };
    let counted = || {
        let step = usize::try_from(step.unwrap_or(1).max(1)).unwrap_or(1);
        (min.unwrap_or(1)..=max.unwrap_or(20)).step_by(step).take(1_000).map(|n| choice(&n.to_string())).collect()
    };
    Shape {
        name: attribute("name").unwrap_or_else(|| "poll".to_owned()),
        kind,
        public: attribute("public").as_deref() == Some("true"),
        results: attribute("results").and_then(|word| Results::parse(&word)).unwrap_or(Results::Always),
        min,
        max,
        step,
        close: attribute("close").and_then(|text| read_moment(&text)),
        groups: attribute("groups"),
        title: lines.iter().find_map(|line| line.strip_prefix("# ")).map(|title| title.trim().to_owned()),
        options: if kind == Kind::Number { counted() } else { written() },
    }
}

fn choice(words: &str) -> Choice {
    let digest = hex::encode(Sha256::digest(words.as_bytes()));
    let html = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Choice { id: digest.chars().take(32).collect(), html }
}

/// What is wrong with the polls of a post.
pub(in crate::discourse::fake) fn wrong(polls: &[Shape], most: usize) -> Option<String> {
    for (at, poll) in polls.iter().enumerate() {
        let named = poll.name != "poll";
        let subject = if named { format!("Poll named <strong>{}</strong>", poll.name) } else { "Poll".to_owned() };
        if polls.iter().skip(at.saturating_add(1)).any(|other| other.name == poll.name) {
            return Some(if named {
                format!(
                    "There are multiple polls with the same name: <strong>{}</strong>. Use the '<code>name</code>' attribute to uniquely identify your polls.",
                    poll.name
                )
            } else {
                "There are multiple polls without a name. Use the '<code>name</code>' attribute to uniquely identify your polls.".to_owned()
            });
        }
        let mut ids: Vec<&str> = poll.options.iter().map(|option| option.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let count = poll.options.len();
        if ids.len() != count {
            return Some(format!("{subject} must have different options."));
        }
        if count == 0 {
            return Some(format!("{subject} must have at least 1 option."));
        }
        if count > most {
            return Some(format!("{subject} must have less than {most} options."));
        }
        let (options, least) = (i64::try_from(count).unwrap_or(i64::MAX), poll.min.unwrap_or(1));
        let max = poll.max.unwrap_or(options);
        if poll.kind == Kind::Multiple && (least > max || least < 0 || max <= 0 || max > options || least > options) {
            return Some(format!("{subject} with multiple choice has invalid parameters."));
        }
    }
    None
}

/// Reads `2026-11-23T16:15[:06[.000]]Z`.
pub(in crate::discourse::fake) fn read_moment(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute): (i64, i64) = (time.next()?.parse().ok()?, time.next()?.parse().ok()?);
    let second: i64 = time.next().and_then(|part| part.split('.').next()).map_or(Some(0), |part| part.parse().ok())?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years are counted from March, so that the leap day is the last day of a year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(Timestamp::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let at = read_moment("2026-11-23T16:15:06.000Z");
        assert_eq!(at.map(|at| at.to_string()).as_deref(), Some("2026-11-23T16:15:06.000000Z"));
        let leap = read_moment("2024-02-29T00:00Z").map(|at| at.to_string());
        assert_eq!(leap.as_deref(), Some("2024-02-29T00:00:00.000000Z"));
        assert_eq!(read_moment("tomorrow"), None);
    }

    #[test]
    fn polls_are_found_outside_of_quotes_and_code() {
        let raw = "Hello\n[poll name=\"one\" type=number min=2 max=6 step=2]\n[/poll]\n[quote=\"x\"]\n[poll]\n* no\n[/poll]\n[/quote]\n```\n[poll]\n* no\n[/poll]\n```\n[poll type=multiple public=true results=on_close]\n# Lunch?\n* Rice\n- Soup\n[/poll]";
        let polls = read(raw);
        let names: Vec<_> = polls.iter().map(|poll| (poll.name.as_str(), poll.kind, poll.options.len())).collect();
        assert_eq!(names, [("one", Kind::Number, 3), ("poll", Kind::Multiple, 2)]);
        let second = polls.get(1);
        assert_eq!(second.and_then(|poll| poll.title.as_deref()), Some("Lunch?"));
        assert_eq!(second.map(|poll| (poll.public, poll.results)), Some((true, Results::OnClose)));
    }
}
