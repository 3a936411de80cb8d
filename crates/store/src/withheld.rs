//! What is left of a row for a reader who may not read it, because it happened in a private conversation: that it is
//! there, of which type it is, under which policy, and how it stands. Nothing that anybody wrote, nobody who was there, and
//! nothing that a policy made of it.
//!
//! INVARIANT: a field that is added to one of these rows and may hold words of people is emptied here.

use policykit_core::{
    JsonMap, Value,
    action::Action,
    ids::{ActionId, ProposalId},
    proposal::Proposal,
};
use serde_json::Value as Json;

use crate::{
    error::StoreError,
    held::HeldRow,
    overview::ProposalLine,
    record::ActionLine,
    rows::{CallRow, Decision},
    scoped::Scoped,
    sheet::{Own, ProposalSheet},
    sight::Sight,
    sql::Arg,
};

/// Keys of an entry of the record that say how a matter stands, and by whom it was decided.
const TOLD: [&str; 14] = [
    "action",
    "action_type",
    "by",
    "call",
    "effect",
    "operation",
    "outcome",
    "policy",
    "proposal",
    "settled",
    "status",
    "told",
    "tried",
    "verdict",
];

/// The entry of a ballot that was cast here and not counted.
const BALLOT_REFUSED: &str = "ballot.refused";

fn without_words(action: &mut Action) {
    action.fields = JsonMap::new();
    action.about = None;
    action.initiator = None;
}

fn undecided(proposal: &mut Proposal) {
    proposal.effect_note = None;
    proposal.data = JsonMap::new();
    proposal.variables = Value::None;
    proposal.poll = None;
    proposal.poll_open = false;
    proposal.error = None;
}

impl ProposalLine {
    pub(crate) fn without_words(self) -> Self {
        Self {
            effect_note: None,
            poll: None,
            poll_open: false,
            asked: None,
            error: None,
            fields: JsonMap::new(),
            initiator: None,
            ..self
        }
    }
}

impl HeldRow {
    pub(crate) fn within_sight(mut self) -> Self {
        if self.withheld {
            without_words(&mut self.action);
            self.initiator = None;
            if let Some((proposal, _)) = &mut self.proposal {
                undecided(proposal);
            }
        }
        self
    }
}

impl ActionLine {
    pub(crate) fn withhold(&mut self) {
        self.fields = JsonMap::new();
        self.initiator = None;
    }
}

impl Decision {
    /// The hash stays that of what is written down.
    pub(crate) fn withhold(&mut self) {
        // Whose ballot was not counted says who was asked.
        let names_voter = self.kind == BALLOT_REFUSED;
        if let Json::Object(body) = &mut self.body {
            body.retain(|key, _| TOLD.contains(&key.as_str()) && !(names_voter && key == "by"));
        }
    }
}

impl CallRow {
    pub(crate) fn withhold(&mut self) {
        self.call.args = JsonMap::new();
        self.args_hash = String::new();
        self.outcome = None;
        self.note = None;
    }
}

impl ProposalSheet {
    pub(crate) fn withhold(&mut self) {
        without_words(&mut self.action);
        undecided(&mut self.proposal);
        self.asked = None;
        self.initiator = None;
        self.tally.clear();
        self.ballots.clear();
        self.earlier.clear();
        self.missing.clear();
        self.own = Own::default();
        self.logs.clear();
        for (_, kind, by) in &mut self.entries {
            if kind == BALLOT_REFUSED {
                *by = None;
            }
        }
        self.calls.iter_mut().for_each(CallRow::withhold);
        for look in &mut self.shown {
            look.error = None;
            look.reads.clear();
            if let Some(Json::Array(rules)) = &mut look.considered {
                // Whoever did it was there; why a filter broke may quote what it broke on.
                rules.retain(|rule| rule.get("result") != Some(&Json::from("asked")));
                for rule in rules.iter_mut().filter_map(Json::as_object_mut) {
                    rule.remove("note");
                }
            }
        }
    }
}

/// Something that may have happened in a private conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// What a proposal is about.
    Proposal(ProposalId),
    /// An action.
    Action(ActionId),
}

impl Scoped {
    /// Whether what a matter says is withheld from somebody. What is not there is not withheld.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn withholds(&self, matter: Matter, sight: &Sight) -> Result<bool, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into()];
        let sql = match matter {
            Matter::Proposal(id) => {
                args.push(id.into());
                format!(
                    "SELECT {} FROM proposal p JOIN action a ON a.id = p.action_id AND a.community_id = p.community_id \
                     WHERE p.community_id = $1 AND p.id = $2",
                    sight.withheld(&mut args)
                )
            }
            Matter::Action(id) => {
                args.push(id.into());
                let withheld = sight.withheld_alone(&mut args);
                format!("SELECT {withheld} FROM action a WHERE a.community_id = $1 AND a.id = $2")
            }
        };
        Ok(self.db().reader().await?.conn().first(&sql, args, |r| r.flag()).await?.unwrap_or(false))
    }
}
