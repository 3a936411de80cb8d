//! Discourse's place in the suite: what members and staff do on a forum, and what is so there.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    Clock, JsonMap,
    ballot::BallotValue,
    descriptor::Voting,
    ids::{CommunityId, InstallationId, UserId},
    proposal::Proposal,
};
use policykit_engine::Install;
use policykit_platforms::{
    discourse::fake::{
        Act, Acted, ApiKeySeed, CallFault, CallRule, Change, DeliveryFault, DeliveryRule, Fake, FakeConfig, GroupSeed,
        MemberSeed, Order, RunningFake, Settings, Setup as Arrange,
    },
    platform::AppConfig,
};
use policykit_store::Base;
use policykit_testkit::{Believed, Setup, TestApp};
use serde_json::{Value, json};

use super::{Stand, Trouble};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// The account that PolicyKit acts as; nobody does anything in its name.
const OURS: &str = "root";
const MODERATOR: &str = "mia";
const MEMBER: &str = "ada";
const GROUP: &str = "gardeners";
/// More topics and posts than a story makes.
const MOST: i64 = 300;

/// A forum on which ada writes and mia moderates.
pub(super) struct Discourse {
    forum: RunningFake,
    home: (CommunityId, InstallationId),
    /// Counts what was done, so that no two are alike.
    done: usize,
    /// Topics that were opened before anything was governed, each with its first post and an answer.
    topics: Vec<(i64, i64, i64)>,
    category: i64,
    /// By what ada's account is known: its number, since names may change.
    member: String,
}

fn int(fields: &JsonMap, name: &str) -> i64 {
    fields[name].as_i64().unwrap_or_else(|| panic!("`{name}` is a number: {fields:?}"))
}

fn map(value: Value) -> JsonMap {
    let Value::Object(map) = value else { panic!("an object") };
    map
}

impl Discourse {
    fn next(&mut self) -> usize {
        self.done += 1;
        self.done
    }

    /// People never do two things in the same microsecond.
    fn act(&self, t: &TestApp, who: &str, act: Act) -> Acted {
        t.clock.advance(Duration::from_millis(1));
        self.forum.act(who, act).expect("they may")
    }

    fn open_topic(&mut self, t: &TestApp) -> (i64, i64, i64) {
        let n = self.next();
        let (title, raw) =
            (format!("A bench with the number {n}"), format!("What to say about the bench {n} is this."));
        let topic = self.act(t, MEMBER, Act::Topic { title, raw, category: None, tags: Vec::new() });
        let (topic, first) = (topic.topic.expect("a topic"), topic.post.expect("its post"));
        let raw = format!("An answer about the bench {n} that is long enough.");
        let answer = self.act(t, MEMBER, Act::Reply { topic, raw, to: None }).post.expect("its post");
        (topic, first, answer)
    }

    /// One of those that were opened before.
    fn topic(&mut self) -> (i64, i64, i64) {
        self.topics.pop().expect("topics were opened")
    }

    /// What is done next, as an action's fields.
    fn fresh(&mut self, codename: &str) -> JsonMap {
        let n = self.next();
        match codename {
            "discoursecreatetopic" => map(json!({
                "title": format!("A pond with the number {n}"), "raw": format!("What to say about the pond {n} is this."),
                "category": self.category, "tags": [],
            })),
            "discoursecreatepost" => {
                let (topic, ..) = self.topic();
                let raw = format!("Here is what I think about it, for the {n}th time.");
                map(json!({ "topic_id": topic, "raw": raw, "reply_to_post_number": null }))
            }
            "discourseeditpost" => {
                let (_, _, post) = self.topic();
                map(json!({ "post_id": post, "raw": format!("It was written otherwise before, {n} times.") }))
            }
            "discourseedittopic" => {
                let (topic, ..) = self.topic();
                let title = format!("A fountain with the number {n}");
                map(json!({ "topic_id": topic, "title": title, "category": self.category, "tags": [] }))
            }
            "discourseclosetopic" | "discourseopentopic" | "discoursedeletetopic" => {
                let (topic, ..) = self.topic();
                map(json!({ "topic_id": topic }))
            }
            "discoursedeletepost" => {
                let (_, _, post) = self.topic();
                map(json!({ "post_id": post }))
            }
            "discoursejoingroup" => map(json!({ "group": GROUP, "user": MEMBER })),
            other => panic!("the suite does not know how people do {other}"),
        }
    }

    fn close(topic: i64, enabled: bool) -> Act {
        Act::Status { topic, status: "closed".to_owned(), enabled }
    }

    fn shown_topic(&self, fields: &JsonMap) -> Value {
        self.forum.topic(int(fields, "topic_id"), None).expect("the topic")
    }

    fn shown_post(&self, fields: &JsonMap) -> Value {
        self.forum.post(int(fields, "post_id"), None).expect("the post")
    }
}

impl Stand for Discourse {
    const ID: &'static str = "discourse";

    fn setup() -> Setup {
        // Forums on this machine may be reached, and find their way back to us.
        let app = AppConfig {
            settings: [("allow_hosts".to_owned(), "127.0.0.1:*".to_owned())].into(),
            ..AppConfig::default()
        };
        Setup {
            further_apps: [("discourse".to_owned(), app)].into(),
            address: Believed::Real,
            http_timeout: Duration::from_secs(2),
            ..Setup::default()
        }
    }

    async fn new(t: &mut TestApp) -> Self {
        let member =
            |name: &str| MemberSeed { username: name.to_owned(), trust_level: Some(2), ..MemberSeed::default() };
        let config = FakeConfig {
            title: "Riverbend Forum".to_owned(),
            members: vec![
                MemberSeed { admin: true, ..member(OURS) },
                MemberSeed { moderator: true, ..member(MODERATOR) },
                member(MEMBER),
                member("ben"),
            ],
            groups: vec![GroupSeed { name: GROUP.to_owned(), members: vec!["ben".to_owned()], ..GroupSeed::default() }],
            api_keys: vec![ApiKeySeed { key: Some(KEY.to_owned()), username: None }],
            settings: Settings { editing_grace_period_secs: 0, ..Settings::default() },
            retry_delays_ms: vec![0, 10, 10],
            ..FakeConfig::default()
        };
        let forum = Fake::start_with(config, Arc::clone(&t.clock) as Arc<dyn Clock>).await.expect("the forum starts");
        let wanted = Install {
            platform: Self::ID.to_owned(),
            credentials: [("api_key", KEY), ("api_username", OURS)].map(|(k, v)| (k.to_owned(), v.into())).into(),
            answers: [("url".to_owned(), forum.base_url().to_owned())].into(),
            community: None,
        };
        let engine = t.engine();
        let installed = t.node().on(async move { engine.install(wanted).await }).await.expect("it is installed");
        let (db, id) = (t.db(), forum.base_url().to_owned());
        let found = t.node().on(async move { db.system().installation_by_external("discourse", &id).await }).await;
        t.expect_installation(found.expect("the database").expect("its place"));
        t.expect_rows_from_outside();
        let home = (installed.community, installed.installation);
        let mut stand = Self { forum, home, done: 0, topics: Vec::new(), category: 0, member: String::new() };
        let (topic, first, _) = stand.open_topic(t);
        let post = stand.forum.post(first, None).expect("it is there");
        stand.member = format!("#{}", post["user_id"]);
        let shown = stand.forum.topic(topic, None).expect("it is there");
        stand.category = shown["category_id"].as_i64().expect("its category");
        stand
    }

    fn home(&self, _t: &TestApp) -> (CommunityId, InstallationId) {
        self.home
    }

    fn somebody(&self) -> String {
        self.member.clone()
    }

    async fn allowed(&self, t: &TestApp, codename: &str) {
        let (scope, id) = (t.db().community(self.home.0), uuid::Uuid::from_u128(0x0A11_03ED));
        let (permissions, who) = ([codename.to_owned()].into(), UserId::derive(self.home.1, &self.member));
        let add = async move {
            let role = scope.add_role("Allowed", Base::No, permissions, id).await?;
            scope.set_role_members(role.id, [who].into()).await
        };
        t.node().on(add).await.expect("the role is added");
    }

    async fn prepare(&mut self, t: &TestApp, codename: &str) {
        for _ in 0..4 {
            let topic = self.open_topic(t);
            if codename == "discourseopentopic" {
                self.act(t, MODERATOR, Self::close(topic.0, true));
            }
            self.topics.push(topic);
        }
        // Long after they were written, so that every edit is a revision.
        t.clock.advance(Duration::from_mins(20));
    }

    async fn happens(&mut self, t: &TestApp, codename: &str) -> Option<JsonMap> {
        if codename == "discoursejoingroup" {
            return None;
        }
        let mut fields = self.fresh(codename);
        let said = |name: &str| fields[name].as_str().expect("a text").to_owned();
        match codename {
            "discoursecreatetopic" => {
                let act = Act::Topic { title: said("title"), raw: said("raw"), category: None, tags: Vec::new() };
                let topic = self.act(t, MEMBER, act).topic;
                fields.insert("topic_id".to_owned(), topic.into());
            }
            "discoursecreatepost" => {
                let act = Act::Reply { topic: int(&fields, "topic_id"), raw: said("raw"), to: None };
                let post = self.act(t, MEMBER, act).post;
                fields.insert("post_id".to_owned(), post.into());
            }
            "discourseeditpost" => {
                let act = Act::Edit { post: int(&fields, "post_id"), raw: said("raw"), reason: None };
                self.act(t, MEMBER, act);
            }
            "discourseedittopic" => {
                let act = Act::Rename { topic: int(&fields, "topic_id"), title: said("title") };
                self.act(t, MODERATOR, act);
            }
            "discourseclosetopic" => {
                self.act(t, MODERATOR, Self::close(int(&fields, "topic_id"), true));
            }
            "discourseopentopic" => {
                self.act(t, MODERATOR, Self::close(int(&fields, "topic_id"), false));
            }
            "discoursedeletetopic" => {
                self.act(t, MODERATOR, Act::DeleteTopic { topic: int(&fields, "topic_id") });
            }
            "discoursedeletepost" => {
                self.act(t, MODERATOR, Act::DeletePost { post: int(&fields, "post_id") });
            }
            other => panic!("the suite does not know how people do {other}"),
        }
        Some(fields)
    }

    async fn proposed(&mut self, t: &TestApp, codename: &str) -> JsonMap {
        let fields = self.fresh(codename);
        assert!(!self.is_so(t, codename, &fields), "{codename} is so already: {fields:?}");
        fields
    }

    fn is_so(&self, _t: &TestApp, codename: &str, fields: &JsonMap) -> bool {
        let there = |shown: &Value| shown["deleted_at"].is_null();
        match codename {
            "discoursecreatetopic" => (1..MOST)
                .filter_map(|id| self.forum.topic(id, None))
                .any(|topic| topic["title"] == fields["title"] && there(&topic)),
            "discoursecreatepost" => {
                let says = |post: &Value| {
                    let raw = post["raw"].as_str().unwrap_or_default();
                    raw.contains(fields["raw"].as_str().expect("a text"))
                };
                (1..MOST).filter_map(|id| self.forum.post(id, None)).any(|post| says(&post) && there(&post))
            }
            "discourseeditpost" => self.shown_post(fields)["raw"] == fields["raw"],
            "discourseedittopic" => self.shown_topic(fields)["title"] == fields["title"],
            "discourseclosetopic" => self.shown_topic(fields)["closed"] == json!(true),
            "discourseopentopic" => self.shown_topic(fields)["closed"] == json!(false),
            "discoursedeletetopic" => !there(&self.shown_topic(fields)),
            "discoursedeletepost" => !there(&self.shown_post(fields)),
            "discoursejoingroup" => {
                let joined = |change: &Change| {
                    matches!(change, Change::GroupJoined { group, member, .. }
                        if fields["group"] == json!(group) && fields["user"] == json!(member))
                };
                self.forum.changes().iter().any(joined)
            }
            other => panic!("the suite does not know how {other} is seen"),
        }
    }

    fn refuses(&self, _t: &TestApp, _codename: &str) {
        let nobody = Arrange::Standing {
            username: OURS.to_owned(),
            admin: Some(false),
            moderator: Some(false),
            trust_level: Some(0),
            active: None,
        };
        self.forum.set_up(nobody).expect("the account is there");
    }

    fn trouble(&self, _t: &TestApp, operation: &str, trouble: Trouble) {
        let fault = match trouble {
            Trouble::Busy => CallFault::RateLimited { retry_after_secs: 20 },
            Trouble::Broken => CallFault::StatusBeforeEffect { status: 503 },
            Trouble::Unheard => CallFault::DropBeforeEffect,
            Trouble::Unanswered => CallFault::DropAfterEffect,
            Trouble::Garbled => CallFault::TruncateBody,
            Trouble::EchoFirst => CallFault::EchoBeforeReply,
            Trouble::EchoOnly => CallFault::EchoThenDrop,
        };
        let verb = match operation {
            "topic.create" | "message.create" | "post.create" => "POST",
            "topic.delete" | "post.delete" => "DELETE",
            _ => "PUT",
        };
        self.forum.fault_calls(CallRule::next(verb, "/", fault));
    }

    fn repeats_itself(&self, _t: &TestApp) {
        // Under another id, as after a try that the forum believes failed, it is governed twice: its guide says so.
        self.forum.fault_deliveries(DeliveryRule { event: None, skip: 0, times: 50, fault: DeliveryFault::Duplicate });
    }

    fn holds_back(&self, _t: &TestApp) {
        self.forum.pause();
    }

    async fn turns_round(&self, _t: &TestApp) {
        self.forum.release(Order::Reversed);
        self.forum.resume();
    }

    fn keys_die(&self, _t: &TestApp) {
        self.forum.set_up(Arrange::RevokeApiKeys { username: None }).expect("there are keys");
    }

    async fn quiet(&self, _t: &TestApp) {
        self.forum.quiesce().await;
    }

    async fn tells(&mut self, t: &mut TestApp, event_type: &str) -> bool {
        let (topic, first, post) = self.open_topic(t);
        t.clock.advance(Duration::from_mins(20));
        let status = |status: &str| Act::Status { topic, status: status.to_owned(), enabled: true };
        let n = self.next();
        let (who, act) = match event_type.strip_prefix("discourse.").expect("an event of Discourse") {
            // They were.
            "topic_created" | "post_created" => return true,
            "topic_edited" => (MODERATOR, Act::Rename { topic, title: format!("A fountain with the number {n}") }),
            "topic_closed_status_updated" => (MODERATOR, status("closed")),
            "topic_archived_status_updated" => (MODERATOR, status("archived")),
            "topic_visible_status_updated" => {
                (MODERATOR, Act::Status { topic, status: "visible".to_owned(), enabled: false })
            }
            "topic_pinned_status_updated" => (MODERATOR, status("pinned")),
            "topic_destroyed" => (MODERATOR, Act::DeleteTopic { topic }),
            "topic_recovered" => {
                self.act(t, MODERATOR, Act::DeleteTopic { topic });
                (MODERATOR, Act::RecoverTopic { topic })
            }
            "post_edited" => (MEMBER, Act::Edit { post, raw: format!("It was otherwise, {n} times."), reason: None }),
            "post_destroyed" => (MODERATOR, Act::DeletePost { post }),
            "post_recovered" => {
                self.act(t, MODERATOR, Act::DeletePost { post });
                (MODERATOR, Act::RecoverPost { post })
            }
            "post_liked" => ("ben", Act::Like { post: first }),
            "user_added_to_group" => {
                (OURS, Act::AddToGroup { group: GROUP.to_owned(), members: vec![MEMBER.to_owned()] })
            }
            "user_removed_from_group" => {
                (OURS, Act::RemoveFromGroup { group: GROUP.to_owned(), members: vec!["ben".to_owned()] })
            }
            // The stand-in has no way to do it.
            _ => return false,
        };
        self.act(t, who, act);
        true
    }

    fn voters(&self) -> [&'static str; 5] {
        [MEMBER, "ben", MODERATOR, "dot", "out"]
    }

    fn begin_vote(&self, kind: Voting, _options: &[&str], _candidates: &[&str], _electorate: &[&str]) -> String {
        panic!("no vote of the kind {kind:?} is carried by a forum")
    }

    async fn votes(&self, _t: &TestApp, _proposal: &Proposal, who: &str, _said: Option<&BallotValue>) {
        panic!("{who} cannot vote on a forum")
    }

    fn is_vote_open(&self, _t: &TestApp, _proposal: &Proposal) -> bool {
        false
    }

    async fn arguments(&mut self, t: &TestApp, method: &str) -> String {
        let (topic, _, post) = self.open_topic(t);
        let (at, on) = (format!("topic_id={topic}"), format!("post_id={post}"));
        let n = self.next();
        match method {
            "post_message" => format!("text='Posted as the number {n} by a policy.', {at}"),
            "initiate_vote" => format!("users=['{MEMBER}'], text='Shall it be, this number {n}?', {at}"),
            "create_topic" => format!("title='A shed with the number {n}', text='What to say about the shed {n}.'"),
            "send_message" => {
                format!(
                    "text='For you alone, as the number {n}.', users=['{MEMBER}'], title='A word with the number {n}'"
                )
            }
            "rename_topic" => format!("{at}, title='A gate with the number {n}'"),
            "move_topic" => format!("{at}, category={}", self.category),
            "tag_topic" => format!("{at}, tags=['wood']"),
            "close_topic" | "archive_topic" | "list_topic" | "delete_topic" | "get_topic" => at,
            "recover_topic" => {
                self.act(t, MODERATOR, Act::DeleteTopic { topic });
                at
            }
            "edit_post" => format!("{on}, text='As the policy says, the number {n}.'"),
            "delete_post" | "lock_post" | "get_post" => on,
            "recover_post" => {
                self.act(t, MODERATOR, Act::DeletePost { post });
                on
            }
            "add_to_group" => format!("group='{GROUP}', users=['{MODERATOR}']"),
            "remove_from_group" => format!("group='{GROUP}', users=['ben']"),
            "make_call" => format!("url='posts/{post}.json', method='GET'"),
            "get_users_in_group" => format!("group='{GROUP}'"),
            "get_trust_level" => format!("user='{MEMBER}'"),
            "get_groups" | "get_categories" => String::new(),
            other => panic!("the suite has no arguments for {other}"),
        }
    }
}
