//! The outcome of a ranked poll: rounds in which the options with the fewest first places fall out, until one has more
//! than half.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Poll, Vote};

/// More rounds than any poll has options.
const ROUNDS: usize = 50;

/// The outcome as Discourse writes it; nothing before somebody voted.
pub(super) fn outcome(poll: &Poll) -> Value {
    let users: BTreeSet<i64> = poll.votes.iter().map(|vote| vote.user).collect();
    let mut ballots: Vec<Vec<String>> = users.into_iter().map(|user| ballot(&poll.chosen_by(user))).collect();
    if ballots.is_empty() {
        return Value::Null;
    }
    let enrich = |id: &str| {
        let html = poll.shape.options.iter().find(|option| option.id == id).map(|option| option.html.as_str());
        json!({ "digest": id, "html": html })
    };
    let mut activity = Vec::new();
    for round in 1..=ROUNDS {
        let tally = tally(&ballots);
        let most = tally.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let total: usize = tally.iter().map(|(_, count)| *count).sum();
        let leader = tally.iter().find(|(_, count)| *count == most);
        if let Some((leader, _)) = leader.filter(|_| most > total / 2) {
            let winner = enrich(leader);
            activity.push(json!({ "round": round, "majority": winner, "eliminated": null }));
            return json!({
                "tied": false, "tied_candidates": null, "winner": true, "winning_candidate": winner,
                "round_activity": activity,
            });
        }
        let fewest = tally.iter().map(|(_, count)| *count).min().unwrap_or(0);
        let losers: Vec<&String> = tally.iter().filter(|(_, count)| *count == fewest).map(|(id, _)| id).collect();
        let shown: Vec<Value> = losers.iter().map(|id| enrich(id)).collect();
        for ballot in &mut ballots {
            ballot.retain(|id| !losers.contains(&id));
        }
        activity.push(json!({ "round": round, "majority": null, "eliminated": shown }));
        if ballots.iter().all(Vec::is_empty) {
            return json!({
                "tied": true, "tied_candidates": shown, "winner": null, "winning_candidate": null,
                "round_activity": activity,
            });
        }
    }
    Value::Null
}

fn ballot(votes: &[&Vote]) -> Vec<String> {
    let mut ranked: Vec<&&Vote> = votes.iter().filter(|vote| vote.rank > 0).collect();
    ranked.sort_by_key(|vote| vote.rank);
    ranked.into_iter().map(|vote| vote.option.clone()).collect()
}

/// First places by option, of all options that are still in a ballot.
fn tally(ballots: &[Vec<String>]) -> Vec<(String, usize)> {
    let mut tally: Vec<(String, usize)> = Vec::new();
    for id in ballots.iter().flatten() {
        if !tally.iter().any(|(known, _)| known == id) {
            tally.push((id.clone(), ballots.iter().filter(|ballot| ballot.first() == Some(id)).count()));
        }
    }
    tally
}
