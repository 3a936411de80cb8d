//! What people vote with, and what it says when they use it: buttons for one option, a menu for several, a menu for each
//! candidate, and a button that takes the ballot back.

use policykit_core::{
    ballot::{Cast, PollKind},
    ids::ProposalId,
};
use serde_json::{Value, json};

use super::{Look, words::cut};

/// What the ids of our controls begin with.
pub(in crate::slack) const ACTION_PREFIX: &str = "policykit_vote:";
/// Then, for the menu of several options: the proposal.
const SEVERAL: &str = "several:";
/// Then, for the menu of a candidate: the proposal, a colon and the candidate.
const PICK: &str = "pick:";
/// Then, for the button that takes the ballot back.
const BACK: &str = "back";

/// Longest option: a button's value holds 2,000 characters, of which the proposal takes some.
pub(super) const MAX_OPTION_CHARS: usize = 1_000;
/// Longest option of a menu, whose values hold fewer.
pub(super) const MAX_MENU_CHARS: usize = 150;
/// Longest candidate: an id holds 255 bytes, of which the proposal takes some.
pub(super) const MAX_CANDIDATE_BYTES: usize = 190;

const BUTTON_CHARS: usize = 75;
const BUTTONS_PER_BLOCK: usize = 25;

/// The blocks below the options.
pub(super) fn blocks(look: &Look<'_>) -> Vec<Value> {
    let mut blocks = Vec::new();
    if matches!(look.kind, PollKind::Boolean | PollKind::Choice) {
        let buttons: Vec<Value> =
            look.options.iter().enumerate().map(|(index, option)| button(look, index, option)).collect();
        blocks.extend(buttons.chunks(BUTTONS_PER_BLOCK).map(|some| json!({ "type": "actions", "elements": some })));
    }
    if look.kind == PollKind::Multi {
        blocks.push(json!({
            "type": "section",
            "text": { "type": "mrkdwn", "text": "Choose one option or several:" },
            "accessory": menu("multi_static_select", &format!("{SEVERAL}{}", look.proposal), "Choose options", look.options),
        }));
    }
    let back = json!({
        "type": "button",
        "action_id": format!("{ACTION_PREFIX}{BACK}"),
        "text": { "type": "plain_text", "text": "Take my vote back", "emoji": true },
        "value": json!({ "p": look.proposal, "r": true }).to_string(),
    });
    blocks.push(json!({ "type": "actions", "elements": [back] }));
    blocks
}

/// The menu beside a candidate.
pub(super) fn of_candidate(look: &Look<'_>, candidate: &str) -> Value {
    menu("static_select", &format!("{PICK}{}:{candidate}", look.proposal), "Choose", look.options)
}

fn menu(kind: &str, id: &str, placeholder: &str, options: &[String]) -> Value {
    let options: Vec<Value> = options
        .iter()
        .map(|option| {
            json!({ "text": { "type": "plain_text", "text": cut(option, BUTTON_CHARS), "emoji": true }, "value": option })
        })
        .collect();
    json!({
        "type": kind,
        "action_id": format!("{ACTION_PREFIX}{id}"),
        "placeholder": { "type": "plain_text", "text": placeholder },
        "options": options,
    })
}

fn button(look: &Look<'_>, index: usize, option: &str) -> Value {
    json!({
        "type": "button",
        "action_id": format!("{ACTION_PREFIX}{index}"),
        "text": { "type": "plain_text", "text": cut(&super::label(look.kind, index, option), BUTTON_CHARS), "emoji": true },
        "value": json!({ "p": look.proposal, "o": option }).to_string(),
    })
}

/// What using a control of ours says: about which proposal, and what. `None` when it cannot be read.
pub(in crate::slack) fn said(action: &Value) -> Option<(ProposalId, Cast)> {
    let id = action.get("action_id")?.as_str()?.strip_prefix(ACTION_PREFIX)?;
    let chosen = |option: &Value| option.get("value").and_then(Value::as_str).map(str::to_owned);
    if let Some(proposal) = id.strip_prefix(SEVERAL) {
        let options = action.get("selected_options")?.as_array()?;
        return Some((proposal.parse().ok()?, Cast::Several(options.iter().filter_map(chosen).collect())));
    }
    if let Some(rest) = id.strip_prefix(PICK) {
        // A candidate may hold colons of its own.
        let (proposal, candidate) = rest.split_once(':')?;
        let option = chosen(action.get("selected_option")?)?;
        return Some((proposal.parse().ok()?, Cast::Pick { candidate: candidate.to_owned(), option }));
    }
    let value: Value = serde_json::from_str(action.get("value")?.as_str()?).ok()?;
    let proposal = value.get("p")?.as_str()?.parse().ok()?;
    if id == BACK && value.get("r") == Some(&Value::Bool(true)) {
        return Some((proposal, Cast::Retract));
    }
    Some((proposal, Cast::For(value.get("o")?.as_str()?.to_owned())))
}
