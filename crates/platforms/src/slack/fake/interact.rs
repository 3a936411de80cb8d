//! Clicks on buttons: the payload posted to the app, and the `response_url` it may answer through.
//!
//! Slack tries a click once. When the app does not take it in time the person sees an error and may press again.

use std::{collections::BTreeMap, sync::Arc};

use policykit_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    api::{Args, caller},
    blocks::{self, Control},
    control::Denied,
    deliver::{Forgery, signed_headers},
    effects::{Actor, Place},
    errors::{Refusal, add},
    faults::DeliveryFault,
    ids::{ChannelId, TeamId, Ts, UserId},
    render::{self, MetadataView},
    shared::Shared,
    state::{Ephemeral, World},
    witness::{Answer, Cause, Change, What},
};
use crate::fakes::http_out::{self, Failure};

/// How often a `response_url` may be used.
const USES: u32 = 5;
/// How long a `response_url` lives, in microseconds: 30 minutes.
const LIFETIME: i64 = 30 * 60 * 1_000_000;

/// Clicks so far and the addresses given out with them.
#[derive(Debug, Default)]
pub(super) struct Interactions {
    urls: BTreeMap<String, ResponseUrl>,
    pub(super) clicks: Vec<Click>,
}

/// What somebody pressed and what they saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Click {
    /// The workspace.
    pub team: TeamId,
    /// Who pressed.
    pub user: UserId,
    /// Where.
    pub channel: ChannelId,
    /// The message.
    pub ts: Ts,
    /// `action_id` of the button.
    pub action_id: String,
    /// What the app answered; anything but 2xx shows the person an error.
    pub answer: Answer,
}

impl Click {
    /// Whether the person saw no error.
    pub const fn taken(&self) -> bool {
        self.answer.acked()
    }
}

/// Which control of a message to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Press {
    /// The one with this `action_id`.
    ActionId(String),
    /// The one with this visible label.
    Label(String),
    /// The one with this `value`.
    Value(String),
}

#[derive(Debug, Clone)]
struct ResponseUrl {
    team: TeamId,
    channel: ChannelId,
    ts: Ts,
    user: UserId,
    origin: Origin,
    made: Timestamp,
    uses: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Message,
    Ephemeral,
}

/// Where somebody presses something.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) team: TeamId,
    pub(super) user: UserId,
    pub(super) channel: ChannelId,
    pub(super) ts: Ts,
}

struct Posting {
    action_id: String,
    trigger_id: String,
    url: String,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
    copies: usize,
}

/// Presses a control as a person and waits for the app's answer. `option` names the choice of a select; of one with
/// several choices it is a JSON list of them.
pub(super) async fn press(
    shared: &Arc<Shared>,
    spot: Spot,
    press: &Press,
    option: Option<&str>,
) -> Result<Click, Denied> {
    let posting = shared.with(|world| prepare(world, &shared.base_url, &spot, press, option))?;
    let mut answer = Answer::ConnectionFailed;
    for copy in 0..posting.copies {
        let outcome = http_out::post(&posting.url, &posting.headers, &posting.body, shared.ack_timeout).await;
        let this = match outcome {
            Ok(reply) => Answer::Status { status: reply.status, ack_lost: false },
            Err(Failure::Timeout) => Answer::Timeout,
            Err(Failure::Connection) => Answer::ConnectionFailed,
        };
        shared.with(|world| {
            let what = What::Attempt {
                event_id: posting.trigger_id.clone(),
                team: spot.team.clone(),
                event_type: "block_actions".into(),
                retry: 0,
                answer: this.clone(),
            };
            world.witness.note(world.now, what);
        });
        if copy == 0 {
            answer = this;
        }
    }
    let Spot { team, user, channel, ts } = spot;
    let click = Click { team, user, channel, ts, action_id: posting.action_id, answer };
    shared.with(|world| world.interactions.clicks.push(click.clone()));
    Ok(click)
}

fn prepare(
    world: &mut World,
    base_url: &str,
    spot: &Spot,
    press: &Press,
    option: Option<&str>,
) -> Result<Posting, Denied> {
    let url = world.app.seed.interactivity_url.clone().ok_or(Denied::NoInteractivityUrl)?;
    let (origin, control) = find(world, spot, press)?;
    let key = world.mint("R");
    let trigger_id = world.mint("trigger.");
    let action_ts = world.next_ts();
    let response_url = format!("{base_url}/actions/{key}");
    let payload = payload(world, spot, origin, &control, option, &trigger_id, &action_ts, &response_url)?;
    let made = world.now;
    let Spot { team, user, channel, ts } = spot.clone();
    world.interactions.urls.insert(key, ResponseUrl { team, channel, ts, user, origin, made, uses: 0 });
    let body = serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap_or_default().into_bytes();
    let fault = world.faults.for_delivery("block_actions", &spot.team);
    let forgery = match fault {
        Some(DeliveryFault::BadSignature) => Forgery::WrongSecret,
        Some(DeliveryFault::StaleTimestamp { seconds }) => Forgery::Stale { seconds },
        _ => Forgery::None,
    };
    let copies = if matches!(fault, Some(DeliveryFault::Duplicate)) { 2 } else { 1 };
    let headers = signed_headers(world, &body, forgery, "application/x-www-form-urlencoded");
    Ok(Posting { action_id: control.action_id, trigger_id, url, body, headers, copies })
}

fn find(world: &World, spot: &Spot, press: &Press) -> Result<(Origin, Control), Denied> {
    let channel = world.channel(&spot.team, &spot.channel).ok_or(Denied::Refused("channel_not_found"))?;
    let whispered = channel.ephemerals.iter().find(|e| e.ts == spot.ts && e.user == spot.user);
    let (origin, blocks) = match (channel.living(&spot.ts), whispered) {
        (Some(message), _) => (Origin::Message, message.draft.blocks.as_ref()),
        (None, Some(ephemeral)) => (Origin::Ephemeral, ephemeral.draft.blocks.as_ref()),
        (None, None) => return Err(Denied::Refused("message_not_found")),
    };
    let fits = |control: &Control| match press {
        Press::ActionId(id) => control.action_id == *id,
        Press::Label(label) => control.label == *label,
        Press::Value(value) => control.value.as_deref() == Some(value),
    };
    let control =
        blocks::controls(blocks).into_iter().find(fits).ok_or_else(|| Denied::NoSuchControl(press.clone()))?;
    Ok((origin, control))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one payload, used once")]
fn payload(
    world: &World,
    spot: &Spot,
    origin: Origin,
    control: &Control,
    option: Option<&str>,
    trigger_id: &str,
    action_ts: &Ts,
    response_url: &str,
) -> Result<Value, Denied> {
    let team = world.teams.get(&spot.team).ok_or_else(|| Denied::UnknownTeam(spot.team.to_string()))?;
    let channel = team.channels.get(&spot.channel).ok_or(Denied::Refused("channel_not_found"))?;
    let user = team.users.get(&spot.user).ok_or_else(|| Denied::UnknownUser(spot.user.to_string()))?;
    let mut action = json!({
        "action_id": control.action_id,
        "block_id": control.block_id,
        "type": control.kind,
        "action_ts": action_ts,
    });
    if control.kind == "button" {
        add(&mut action, "text", json!({ "type": "plain_text", "text": control.label, "emoji": true }));
        if let Some(value) = &control.value {
            add(&mut action, "value", json!(value));
        }
    } else if control.kind.starts_with("multi_") {
        // What is chosen is told as a whole; as a person of the tests says it, a JSON list.
        let wanted: Vec<String> = option
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| Denied::NoSuchOption(option.unwrap_or_default().to_owned()))?
            .unwrap_or_default();
        let mut selected = Vec::new();
        for wanted in wanted {
            let chosen = control.options.iter().find(|(label, value)| *label == wanted || *value == wanted);
            let (label, value) = chosen.ok_or(Denied::NoSuchOption(wanted))?;
            let text = json!({ "type": "plain_text", "text": label, "emoji": true });
            selected.push(json!({ "text": text, "value": value }));
        }
        add(&mut action, "selected_options", json!(selected));
    } else if let Some(wanted) = option {
        let chosen = control.options.iter().find(|(label, value)| label == wanted || value == wanted);
        let (label, value) = chosen.ok_or_else(|| Denied::NoSuchOption(wanted.to_owned()))?;
        let text = json!({ "type": "plain_text", "text": label, "emoji": true });
        add(&mut action, "selected_option", json!({ "text": text, "value": value }));
    }
    let mut payload = json!({
        "type": "block_actions",
        "user": { "id": user.id, "username": user.name, "name": user.name, "team_id": team.id },
        "api_app_id": world.app.id,
        "token": world.app.seed.verification_token,
        "container": {
            "type": "message",
            "message_ts": spot.ts,
            "channel_id": channel.id,
            "is_ephemeral": origin == Origin::Ephemeral,
        },
        "trigger_id": trigger_id,
        "team": { "id": team.id, "domain": team.domain },
        "enterprise": null,
        "is_enterprise_install": false,
        "channel": { "id": channel.id, "name": channel.name },
        "state": { "values": {} },
        "response_url": response_url,
        "actions": [action],
    });
    if let Some(message) = channel.living(&spot.ts) {
        add(&mut payload, "message", render::message(team, channel, message, MetadataView::Full));
    }
    Ok(payload)
}

impl World {
    /// What a post to a `response_url` does. `body` is its JSON.
    pub(super) fn respond(&mut self, key: &str, body: Map<String, Value>, call: u64) -> Result<Value, Refusal> {
        let now = self.now;
        let url = self.interactions.urls.get_mut(key).ok_or(Refusal::ExpiredUrl)?;
        if now.micros_since(url.made) > LIFETIME {
            return Err(Refusal::ExpiredUrl);
        }
        if url.uses >= USES {
            return Err(Refusal::UsedUrl);
        }
        url.uses += 1;
        let url = url.clone();
        let team = self.teams.get(&url.team).ok_or(Refusal::ExpiredUrl)?;
        let actor = Actor {
            team: url.team.clone(),
            user: team.bot_user.clone(),
            bot: Some(team.bot.clone()),
            cause: Cause::Call(call),
        };
        let args = Args::from_map(body);
        if args.on("delete_original") {
            match url.origin {
                Origin::Message => self.delete(&actor, &url.channel, &url.ts)?,
                Origin::Ephemeral => self.ephemeral(&url)?.retain(|e| e.ts != url.ts),
            }
            return Ok(json!({ "ok": true }));
        }
        let draft = caller::draft(&args)?;
        if args.on("replace_original") {
            match url.origin {
                Origin::Message => self.edit(&actor, &url.channel, &url.ts, draft)?,
                Origin::Ephemeral => {
                    let text = draft.text.clone();
                    for shown in self.ephemeral(&url)?.iter_mut().filter(|e| e.ts == url.ts) {
                        shown.draft = draft.clone();
                    }
                    let (channel, user, ts) = (url.channel.clone(), url.user.clone(), url.ts.clone());
                    self.note_effect(&url.team, actor.cause, Change::Ephemeral { channel, user, ts, text });
                }
            }
        } else if args.text("response_type").as_deref() == Some("in_channel") {
            let place = args.text("thread_ts").map_or(Place::Channel, |ts| Place::Thread(Ts::new(ts)));
            self.post(&actor, &url.channel, place, draft)?;
        } else {
            self.whisper(&actor, &url.channel, &url.user, draft)?;
        }
        Ok(json!({ "ok": true }))
    }

    fn ephemeral(&mut self, url: &ResponseUrl) -> Result<&mut Vec<Ephemeral>, Refusal> {
        let channel = self.channel_mut(&url.team, &url.channel).ok_or(Refusal::ChannelNotFound)?;
        Ok(&mut channel.ephemerals)
    }
}
