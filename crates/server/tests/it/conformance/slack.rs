//! Slack's place in the suite: what people do in its client, and what is so in the workspace.

use policykit_core::{
    JsonMap,
    ballot::BallotValue,
    descriptor::Voting,
    ids::{CommunityId, InstallationId},
    proposal::Proposal,
};
use policykit_platforms::slack::fake::{
    Act, CallFault, CallRule, Change, ChannelSummary, DeliveryFault, DeliveryRule, Order, Press, Setup as Arrange, Ts,
    UserSeed, UsergroupSeed, What,
};
use policykit_testkit::{Setup, TestApp};
use serde_json::{Value, json};

use super::{Stand, Trouble};

const RANDOM: &str = "C0RANDOM";
const QUIET: &str = "C025LDZ76R3";
/// Where votes are called: no action of the suite happens here.
const VOTES: &str = "C0GENERAL";

/// A workspace in which bob does things.
pub(super) struct Slack {
    /// Counts what was done, so that no two are alike.
    done: usize,
    /// Messages that were written before anything was governed.
    messages: Vec<Ts>,
}

fn map(value: Value) -> JsonMap {
    let Value::Object(map) = value else { panic!("an object") };
    map
}

fn text<'a>(fields: &'a JsonMap, name: &str) -> &'a str {
    fields[name].as_str().expect("a text")
}

fn channel(t: &TestApp, id: &str) -> ChannelSummary {
    t.fake().channel("T0A", id, None).expect("the channel").channel
}

async fn act(t: &TestApp, act: Act) {
    t.slack.act("bob", act).await.expect("bob may");
}

/// How people call what is done by one of the accounts.
fn handle(account: &str) -> &'static str {
    policykit_testkit::PEOPLE.iter().find(|(_, id)| *id == account).expect("somebody known").0
}

impl Slack {
    fn next(&mut self) -> usize {
        self.done += 1;
        self.done
    }

    /// One of the channels, another one each time.
    fn place(&mut self) -> &'static str {
        if self.next() % 2 == 1 { RANDOM } else { QUIET }
    }

    /// What is done next, as an action's fields.
    fn fresh(&mut self, codename: &str) -> JsonMap {
        match codename {
            "slackpostmessage" => map(json!({ "channel": RANDOM, "text": format!("said as number {}", self.next()) })),
            "slackrenameconversation" => map(json!({ "channel": RANDOM, "name": format!("lounge-{}", self.next()) })),
            "slacksettopic" => map(json!({ "channel": RANDOM, "topic": format!("topic {}", self.next()) })),
            "slackjoinconversation" => {
                let users = if self.next() % 2 == 1 { "U03" } else { "U04" };
                map(json!({ "channel": RANDOM, "users": users }))
            }
            "slackpinmessage" => {
                let message = self.messages.pop().expect("messages were written");
                map(json!({ "channel": RANDOM, "timestamp": message.as_str() }))
            }
            "slackarchiveconversation" | "slackunarchiveconversation" => map(json!({ "channel": self.place() })),
            "slackkickconversation" => map(json!({ "channel": RANDOM, "user": "U03" })),
            "slackschedulemessage" => {
                let (n, post_at) = (self.next(), 1_767_603_600 + 3 * 24 * 3_600);
                map(json!({ "channel": RANDOM, "text": format!("for later {n}"), "post_at": post_at }))
            }
            other => panic!("the suite does not know how people do {other}"),
        }
    }
}

impl Stand for Slack {
    const ID: &'static str = "slack";

    fn setup() -> Setup {
        // What hangs is given up soon.
        Setup { http_timeout: std::time::Duration::from_secs(2), ..Setup::default() }
    }

    async fn new(_t: &mut TestApp) -> Self {
        Self { done: 0, messages: Vec::new() }
    }

    fn home(&self, t: &TestApp) -> (CommunityId, InstallationId) {
        (t.slack.community, t.slack.installation)
    }

    fn somebody(&self) -> String {
        "U02".to_owned()
    }

    async fn allowed(&self, t: &TestApp, codename: &str) {
        t.role(&t.slack, "Allowed", &[codename], &["bob"]).await;
    }

    async fn prepare(&mut self, t: &TestApp, codename: &str) {
        match codename {
            "slackpinmessage" => {
                for n in 0..4 {
                    self.messages.push(t.slack.post("bob", RANDOM, &format!("worth a pin {n}")).await);
                }
            }
            "slackjoinconversation" => {
                for who in ["carol", "dave"] {
                    t.slack.act(who, Act::Leave { channel: RANDOM.into() }).await.expect("they may leave");
                }
            }
            "slackunarchiveconversation" => {
                for channel in [RANDOM, QUIET] {
                    act(t, Act::Archive { channel: channel.into() }).await;
                }
            }
            // So that there is a topic to go back to.
            "slacksettopic" => act(t, Act::SetTopic { channel: RANDOM.into(), topic: "as it was".into() }).await,
            _ => {}
        }
    }

    async fn happens(&mut self, t: &TestApp, codename: &str) -> Option<JsonMap> {
        if matches!(codename, "slackschedulemessage" | "slackkickconversation") {
            return None;
        }
        let mut fields = self.fresh(codename);
        let at = text(&fields, "channel").to_owned();
        let said = |name: &str| text(&fields, name).to_owned();
        match codename {
            "slackpostmessage" => {
                let ts = t.slack.post("bob", &at, &said("text")).await;
                fields.insert("timestamp".to_owned(), ts.as_str().into());
            }
            "slackrenameconversation" => act(t, Act::Rename { channel: at, name: said("name") }).await,
            "slacksettopic" => act(t, Act::SetTopic { channel: at, topic: said("topic") }).await,
            "slackjoinconversation" => act(t, Act::Invite { channel: at, user: said("users") }).await,
            "slackpinmessage" => act(t, Act::Pin { channel: at, ts: said("timestamp").as_str().into() }).await,
            "slackarchiveconversation" => act(t, Act::Archive { channel: at }).await,
            "slackunarchiveconversation" => act(t, Act::Unarchive { channel: at }).await,
            other => panic!("the suite does not know how people do {other}"),
        }
        Some(fields)
    }

    async fn proposed(&mut self, t: &TestApp, codename: &str) -> JsonMap {
        let mut fields = self.fresh(codename);
        if codename == "slackpostmessage" {
            fields.insert("thread_ts".to_owned(), Value::Null);
        }
        // The platform takes a proposal of what is so already, and nothing would be seen.
        assert!(!self.is_so(t, codename, &fields), "{codename} is so already: {fields:?}");
        fields
    }

    fn is_so(&self, t: &TestApp, codename: &str, fields: &JsonMap) -> bool {
        let there = channel(t, text(fields, "channel"));
        let is_in = |who: &str| there.members.iter().any(|member| member.as_str() == who);
        match codename {
            "slackpostmessage" => {
                t.slack.texts(there.id.as_str()).iter().any(|said| said.contains(text(fields, "text")))
            }
            "slackrenameconversation" => there.name == text(fields, "name"),
            "slacksettopic" => there.topic == text(fields, "topic"),
            "slackjoinconversation" => is_in(text(fields, "users")),
            "slackpinmessage" => {
                let ts = text(fields, "timestamp").into();
                t.slack.message(there.id.as_str(), &ts).is_some_and(|message| message.pinned)
            }
            "slackarchiveconversation" => there.archived,
            "slackunarchiveconversation" => !there.archived,
            "slackkickconversation" => !is_in(text(fields, "user")),
            "slackschedulemessage" => t.fake().record().iter().any(|entry| {
                let What::Effect { change: Change::Scheduled { text: said, .. }, .. } = &entry.what else {
                    return false;
                };
                said.contains(text(fields, "text"))
            }),
            other => panic!("the suite does not know how {other} is seen"),
        }
    }

    fn refuses(&self, t: &TestApp, _codename: &str) {
        let team = t.fake().team("T0A").expect("the workspace");
        let admin = team.user("ada").and_then(|user| user.token.clone());
        for token in [team.bot_token, admin].into_iter().flatten() {
            t.fake().set_up(Arrange::Scopes { token, scopes: Vec::new() }).expect("the token is there");
        }
    }

    fn trouble(&self, t: &TestApp, operation: &str, trouble: Trouble) {
        let fault = match trouble {
            Trouble::Busy => CallFault::RateLimited { retry_after_secs: 20 },
            Trouble::Broken => CallFault::StatusBeforeEffect { status: 503 },
            Trouble::Unheard => CallFault::DropBeforeEffect,
            Trouble::Unanswered => CallFault::DropAfterEffect,
            Trouble::Garbled => CallFault::TruncateBody,
            Trouble::EchoFirst => CallFault::EchoBeforeReply,
            Trouble::EchoOnly => CallFault::EchoThenDrop,
        };
        t.fake().fault_calls(CallRule::next(operation, fault));
    }

    fn repeats_itself(&self, t: &TestApp) {
        let fault = DeliveryFault::Duplicate;
        t.fake().fault_deliveries(DeliveryRule { event_type: None, team: None, skip: 0, times: 100, fault });
    }

    fn holds_back(&self, t: &TestApp) {
        t.fake().pause();
    }

    async fn turns_round(&self, t: &TestApp) {
        t.fake().release(Order::Reversed);
        t.fake().resume();
    }

    fn keys_die(&self, t: &TestApp) {
        let team = t.fake().team("T0A").expect("the workspace");
        let admin = team.user("ada").and_then(|user| user.token.clone());
        // It tells of that too; the deliveries are held back.
        for token in [team.bot_token, admin].into_iter().flatten() {
            t.fake().set_up(Arrange::RevokeToken { token }).expect("the token is there");
        }
    }

    async fn tells(&mut self, t: &mut TestApp, event_type: &str) -> bool {
        const CORE: &str = "C0ABC123";
        let n = self.next();
        let name = event_type.strip_prefix("slack.").expect("an event of Slack");
        let at = || CORE.to_owned();
        let message = t.slack.post("bob", CORE, &format!("about {n}")).await;
        let react = |ts: Ts| Act::React { channel: CORE.into(), ts, name: "eyes".into() };
        match name {
            // It was.
            "message" => {}
            "reaction_added" => act(t, react(message)).await,
            "reaction_removed" => {
                act(t, react(message.clone())).await;
                act(t, Act::Unreact { channel: at(), ts: message, name: "eyes".into() }).await;
            }
            "pin_added" => act(t, Act::Pin { channel: at(), ts: message }).await,
            "pin_removed" => {
                act(t, Act::Pin { channel: at(), ts: message.clone() }).await;
                act(t, Act::Unpin { channel: at(), ts: message }).await;
            }
            "member_left_channel" => act(t, Act::Leave { channel: QUIET.into() }).await,
            "member_joined_channel" => {
                act(t, Act::Leave { channel: RANDOM.into() }).await;
                act(t, Act::Join { channel: RANDOM.into() }).await;
            }
            "channel_created" => act(t, Act::CreateChannel { name: format!("new-{n}"), is_private: false }).await,
            "channel_rename" => act(t, Act::Rename { channel: at(), name: format!("core-{n}") }).await,
            "channel_archive" => act(t, Act::Archive { channel: RANDOM.into() }).await,
            "channel_unarchive" => {
                act(t, Act::Archive { channel: "C000111".into() }).await;
                act(t, Act::Unarchive { channel: "C000111".into() }).await;
            }
            "team_join" => {
                let user = UserSeed { name: format!("newcomer-{n}"), ..UserSeed::default() };
                t.fake().set_up(Arrange::User { team: "T0A".into(), user }).expect("somebody joins");
            }
            // What nobody can do at the stand-in comes as the platform writes it.
            "app_mention" | "channel_deleted" | "emoji_changed" | "file_shared" | "subteam_created"
            | "subteam_updated" => {
                let event = match name {
                    "app_mention" => {
                        json!({ "type": name, "channel": CORE, "user": "U02", "text": "<@U0BOT> hello", "ts": "1767603600.000010", "event_ts": "1767603600.000010" })
                    }
                    "channel_deleted" => json!({ "type": name, "channel": "C0GONE", "event_ts": "1767603600.000100" }),
                    "emoji_changed" => {
                        json!({ "type": name, "subtype": "add", "name": "shrug", "value": "https://emoji.example/s.png", "event_ts": "1767603600.000200" })
                    }
                    "file_shared" => {
                        json!({ "type": name, "channel_id": CORE, "file_id": "F0FILE", "user_id": "U02", "file": { "id": "F0FILE" }, "event_ts": "1767603600.000300" })
                    }
                    _ => {
                        json!({ "type": name, "subteam": { "id": "S0TEAM", "team_id": "T0A", "name": "Council", "handle": "council", "users": ["U01"] }, "event_ts": "1767603600.000400" })
                    }
                };
                let body = json!({
                    "type": "event_callback", "team_id": "T0A", "api_app_id": "A0APP", "event_id": format!("Ev0TOLD{n}"),
                    "event_time": t.clock_secs(), "event": event,
                });
                t.expect_rows_from_outside();
                let reply = t.send(&t.signed("application/json", body.to_string())).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            }
            other => panic!("the suite does not know what the platform tells {other} of"),
        }
        true
    }

    fn voters(&self) -> [&'static str; 5] {
        ["U01", "U02", "U03", "U04", "U05"]
    }

    fn begin_vote(&self, kind: Voting, options: &[&str], candidates: &[&str], electorate: &[&str]) -> String {
        let list = |of: &[&str]| serde_json::to_string(of).expect("texts");
        let (users, options) = (list(electorate), list(options));
        let common = format!("users={users}, channel='{VOTES}'");
        match kind {
            Voting::Boolean => format!("slack.initiate_vote(text='Shall it be?', {common})"),
            Voting::Choice => format!("slack.initiate_vote(text='Which?', options={options}, {common})"),
            Voting::Multi => format!("slack.initiate_vote(text='Which?', options={options}, multiple=True, {common})"),
            Voting::Select => {
                let candidates = list(candidates);
                format!("slack.initiate_advanced_vote(candidates={candidates}, options={options}, {common})")
            }
        }
    }

    async fn votes(&self, t: &TestApp, proposal: &Proposal, who: &str, said: Option<&BallotValue>) {
        let who = handle(who);
        let ts: Ts = proposal.poll.as_ref().expect("a vote").post_id.as_str().into();
        let controls = t.slack.message(VOTES, &ts).expect("the vote's message").controls;
        let press = async |on: Press, option: Option<String>| {
            let act = Act::Press { channel: VOTES.into(), ts: ts.clone(), on, option };
            let click = t.slack.act(who, act).await.expect("it can be pressed").click.expect("a click");
            assert!(click.taken(), "{who}: {click:?}");
        };
        let label = |label: &str| {
            let control =
                controls.iter().find(|c| c.label.contains(label)).unwrap_or_else(|| panic!("{label}: {controls:?}"));
            Press::ActionId(control.action_id.clone())
        };
        match said {
            None => press(label("Take my vote back"), None).await,
            Some(BallotValue::Boolean(true)) => press(label("Yes"), None).await,
            Some(BallotValue::Boolean(false)) => press(label("No"), None).await,
            Some(BallotValue::Choice(option)) => press(label(option), None).await,
            Some(BallotValue::Multi(options)) => {
                let menu = controls.iter().find(|c| c.kind == "multi_static_select").expect("a menu");
                let chosen = serde_json::to_string(options).expect("texts");
                press(Press::ActionId(menu.action_id.clone()), Some(chosen)).await;
            }
            Some(select @ BallotValue::Select(_)) => {
                for (candidate, option) in select.picks() {
                    let menu =
                        controls.iter().find(|c| c.action_id.ends_with(&format!(":{candidate}"))).expect("a menu");
                    press(Press::ActionId(menu.action_id.clone()), Some(option.to_owned())).await;
                }
            }
        }
    }

    fn is_vote_open(&self, t: &TestApp, proposal: &Proposal) -> bool {
        let ts: Ts = proposal.poll.as_ref().expect("a vote").post_id.as_str().into();
        t.slack.message(VOTES, &ts).is_some_and(|message| !message.controls.is_empty())
    }

    async fn arguments(&mut self, t: &TestApp, method: &str) -> String {
        let at = format!("channel='{VOTES}'");
        let message = async || {
            let ts = t.slack.post("bob", VOTES, "written before").await;
            t.settle().await;
            ts
        };
        let on_message = async || format!("{at}, ts='{}'", message().await);
        match method {
            "post_message" => format!("text='posted', {at}"),
            "initiate_vote" | "initiate_advanced_vote" => {
                let kind = if method == "initiate_vote" { Voting::Boolean } else { Voting::Select };
                let call = self.begin_vote(kind, &["tea", "cake"], &["Ann"], &["U01"]);
                let (_, arguments) = call.split_once('(').expect("a call");
                arguments.trim_end_matches(')').to_owned()
            }
            // Its own message: only that can be changed by it.
            "update_message" => format!("{at}, ts=slack.post_message(text='first', {at}), text='then'"),
            "delete_message" | "pin_message" => on_message().await,
            "unpin_message" => {
                let ts = message().await;
                t.slack.pin("bob", VOTES, &ts).await;
                format!("{at}, ts='{ts}'")
            }
            "add_reaction" => format!("{}, name='thumbsup'", on_message().await),
            "remove_reaction" => {
                let ts = message().await;
                format!("{at}, ts='{ts}', name=('eyes', slack.add_reaction({at}, ts='{ts}', name='eyes'))[0]")
            }
            "schedule_message" => format!("text='later', post_at={}, {at}", t.clock_secs() + 3_600),
            "delete_scheduled_message" => {
                let post_at = t.clock_secs() + 3_600;
                format!("{at}, scheduled_message_id=slack.schedule_message(text='never', post_at={post_at}, {at})")
            }
            "set_topic" => format!("{at}, topic='as the policy says'"),
            "archive_conversation" => format!("channel='{QUIET}'"),
            "unarchive_conversation" => format!("channel='{QUIET}'"),
            "rename_conversation" => "channel='C0ABC123', name='core-of-it'".to_owned(),
            "join_conversation" => {
                t.slack.act("erin", Act::Leave { channel: "C0ABC123".into() }).await.expect("she may leave");
                "channel='C0ABC123', users=['U05']".to_owned()
            }
            "kick_conversation" => "channel='C0ABC123', user='U04'".to_owned(),
            "update_usergroup" | "get_users_in_usergroup" => {
                let usergroup = UsergroupSeed {
                    id: Some(format!("S{}", self.next())),
                    name: format!("Group {method}"),
                    handle: method.replace('_', "-"),
                    users: vec!["bob".to_owned()],
                };
                let made = t.fake().set_up(Arrange::Usergroup { team: "T0A".into(), usergroup }).expect("it is made");
                let id = made.id.expect("its id");
                let users = if method == "update_usergroup" { ", users=['U01']" } else { "" };
                format!("usergroup='{id}'{users}")
            }
            "make_call" => format!("method_name='conversations.info', values={{'channel': '{VOTES}'}}"),
            "get_users_in_channel" => at,
            "get_users" | "get_usergroups" | "get_real_users" | "get_conversations" => String::new(),
            other => panic!("the suite has no arguments for {other}"),
        }
    }
}
