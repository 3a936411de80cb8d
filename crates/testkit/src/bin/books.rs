//! Prints what stands in a database as one JSON document, for judges that are linked to nothing of the product.
//!
//! Reads only, at one moment, beside servers that are at work on the same database; it judges nothing by itself.
//! Ids of ours are replaced by the platform's own where there is one: a team for an installation, an account for a voter.

use std::{collections::HashMap, error::Error};

use policykit_core::{
    Clock as _, SystemClock, Timestamp,
    ids::{ActionId, CommunityId, InstallationId, ProposalId, UserId},
};
use policykit_store::{ChainReport, Db, DbConfig, EvaluationState, InboxState, Survey};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program whose result is what it prints")]
async fn main() -> Result<(), Failure> {
    let url = std::env::args().nth(1).ok_or("give the address of a database, such as `sqlite:data/policykit.db`")?;
    let db = Db::open(&DbConfig { url, sealing: None }).await?;
    let names = Names::read(&db).await?;
    let survey = db.survey().await?;
    let mut broken_chains = Vec::new();
    for community in db.system().communities().await? {
        if let ChainReport::Broken { seq, why } = db.community(community.id).verify_decisions().await? {
            broken_chains.push(format!("{}: entry {seq}: {why}", names.team_of(community.id)));
        }
    }
    db.close().await;
    println!("{}", books(&survey, &names, &broken_chains, SystemClock.now()));
    Ok(())
}

/// The platform's own ids of installations.
struct Names {
    teams: HashMap<InstallationId, String>,
    communities: HashMap<CommunityId, String>,
}

impl Names {
    async fn read(db: &Db) -> Result<Self, Failure> {
        let installations = db.system().installations().await?;
        Ok(Self {
            teams: installations.iter().map(|i| (i.id, i.external_id.clone())).collect(),
            communities: installations.iter().map(|i| (i.community, i.external_id.clone())).collect(),
        })
    }

    fn team(&self, installation: InstallationId) -> String {
        self.teams.get(&installation).cloned().unwrap_or_else(|| installation.to_string())
    }

    fn team_of(&self, community: CommunityId) -> String {
        self.communities.get(&community).cloned().unwrap_or_else(|| community.to_string())
    }
}

fn books(survey: &Survey, names: &Names, broken_chains: &[String], now: Timestamp) -> Value {
    json!({
        "inbox": inbox(survey, names),
        "actions": actions(survey, names),
        "calls": calls(survey, names),
        "proposals": proposals(survey, names),
        "running": survey.evaluations.iter().filter(|e| e.state == EvaluationState::Running).count(),
        "due": survey.wakes.iter().filter(|wake| wake.due_at <= now).count(),
        "evaluations": survey.evaluations.len(),
        "decisions": survey.decisions.len(),
        "broken_chains": broken_chains,
    })
}

fn inbox(survey: &Survey, names: &Names) -> Vec<Value> {
    let one = |row: &policykit_store::InboxRow| {
        json!({
            "team": names.team(row.delivery.installation),
            "key": row.delivery.delivery_key,
            "kind": row.delivery.kind,
            "state": match row.state {
                InboxState::New => "new",
                InboxState::Done => "done",
                InboxState::Parked => "parked",
                InboxState::Dead => "dead",
            },
            "tries": row.tries,
            "note": row.note,
        })
    };
    survey.inbox.iter().map(one).collect()
}

fn actions(survey: &Survey, names: &Names) -> Vec<Value> {
    let one = |action: &policykit_core::action::Action| {
        json!({
            "id": action.id,
            "team": names.team_of(action.community),
            "kind": action.kind.as_str(),
            "action_type": action.action_type,
            "fields": action.fields,
            "standing": action.standing.as_str(),
            "reverted": action.reverted,
        })
    };
    survey.actions.iter().map(one).collect()
}

fn calls(survey: &Survey, names: &Names) -> Vec<Value> {
    let one = |row: &policykit_store::CallRow| {
        json!({
            "id": row.id,
            "team": names.team(row.installation),
            "proposal": row.proposal,
            "purpose": row.purpose,
            "operation": row.call.operation,
            "args": row.call.args,
            "state": row.state.as_str(),
            "attempt": row.attempt,
            "outcome": row.outcome,
            "note": row.note,
        })
    };
    survey.calls.iter().map(one).collect()
}

fn proposals(survey: &Survey, names: &Names) -> Vec<Value> {
    let actions: HashMap<ActionId, _> = survey.actions.iter().map(|action| (action.id, action)).collect();
    let people: HashMap<UserId, &str> = survey.users.iter().map(|user| (user.id, user.external_id.as_str())).collect();
    let votes: HashMap<ProposalId, _> =
        survey.proposals.iter().filter_map(|p| p.poll.as_ref().map(|poll| (p.id, poll.key()))).collect();
    let mut ballots: HashMap<ProposalId, serde_json::Map<String, Value>> = HashMap::new();
    for ballot in &survey.ballots {
        // A retracted ballot counts for nothing, and one of a vote that another has taken the place of no more.
        let Some(value) = ballot.value.as_ref().filter(|_| votes.get(&ballot.proposal) == Some(&ballot.vote)) else {
            continue;
        };
        let said = value.in_words();
        let voter = people.get(&ballot.voter).map_or_else(|| ballot.voter.to_string(), |id| (*id).to_owned());
        ballots.entry(ballot.proposal).or_default().insert(voter, said.into());
    }
    let one = |proposal: &policykit_core::proposal::Proposal| {
        let action = actions.get(&proposal.action);
        json!({
            "id": proposal.id,
            "team": names.team_of(proposal.community),
            "action": proposal.action,
            "kind": action.map(|a| a.kind.as_str()),
            "action_type": action.map_or("", |a| a.action_type.as_str()),
            "fields": action.map(|a| &a.fields),
            "status": proposal.status.as_str(),
            "effect": proposal.effect.as_str(),
            "effect_note": proposal.effect_note,
            "error": proposal.error,
            "poll_open": proposal.poll_open,
            "ballots": ballots.get(&proposal.id).cloned().unwrap_or_default(),
        })
    };
    survey.proposals.iter().map(one).collect()
}
