//! The demo as a visitor meets it: the program, its one line of output, the tour from the first step to the last.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};

/// A running demo, ended when this is dropped.
struct Demo {
    child: Child,
    base: String,
    /// Closed with the demo: whatever else it prints must find a reader.
    _out: BufReader<ChildStdout>,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_policykit"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it speaks");
        let base = line.trim().strip_prefix("PolicyKit demo: ").expect("the line that was promised").to_owned();
        Self { child, base, _out: out }
    }

    /// Waits until a person sees what is asked for in a channel.
    async fn sees(&self, client: &Client, user: &str, channel: &str, what: impl Fn(&Value) -> bool) -> Value {
        let watch = async {
            let mut since = String::new();
            loop {
                let url = format!("{}/demo/state?user={user}&channel={channel}{since}", self.base);
                let reply = client.get(url).send().await.expect("it answers");
                if reply.status() == StatusCode::OK {
                    let shot: Value = reply.json().await.expect("the state");
                    if what(&shot) {
                        return shot;
                    }
                    since = format!("&since={}", shot["version"]);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), watch).await.expect("it is seen within a minute")
    }

    async fn order(&self, client: &Client, path: &str, body: &Value) -> (StatusCode, Value) {
        let reply = client.post(format!("{}/demo{path}", self.base)).json(body).send().await.expect("it answers");
        (reply.status(), reply.json().await.expect("JSON"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn done(shot: &Value, step: usize) -> bool {
    shot["tour"][step]["done"] == true
}

#[expect(clippy::disallowed_methods, reason = "it plays the visitor's browser, which may go anywhere")]
fn run(body: impl AsyncFn(Client)) {
    // Another test may have done so already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(body(Client::builder().build().expect("a client")));
}

const GENERAL: &str = "C0GENERAL";
const SHOW: &str = "C0SHOW";
const COUNCIL: &str = "C0COUNCIL";

/// As whom each step is looked at, and where, when the tour has done it.
const SCENES: [(&str, &str, &str); 10] = [
    ("Break a rule", "U0MEMBER1", GENERAL),
    ("Rename a channel", "U0MEMBER1", GENERAL),
    ("Vote as two people", "U0STEWARD1", GENERAL),
    ("Let three days pass", "U0STEWARD1", GENERAL),
    ("Post a link as the newcomer", "U0NEWCOMER", SHOW),
    ("Decide as a steward", "U0STEWARD1", COUNCIL),
    ("Read why", "U0MEMBER1", GENERAL),
    ("Change the rule itself", "U0MEMBER1", GENERAL),
    ("Vote for the change", "U0STEWARD1", GENERAL),
    ("Roll it back", "U0STEWARD1", GENERAL),
];

#[test]
fn the_tour_does_every_step_for_whoever_asks_it_to_and_leads_to_where_it_can_be_seen() {
    let demo = Demo::start(&[]);
    run(async |client| {
        let first = demo.sees(&client, "U0MEMBER1", GENERAL, |_| true).await;
        let steps = first["tour"].as_array().expect("steps").len();
        assert!((0..steps).all(|step| !done(&first, step)), "{}", first["tour"]);
        assert_eq!(steps, SCENES.len());
        for (step, (title, user, channel)) in SCENES.into_iter().enumerate() {
            assert_eq!(first["tour"][step]["title"], title);
            // What is done by looking is opened by the browser.
            if let Some(address) = first["tour"][step]["open"].as_str() {
                let reply = client.get(format!("{}{address}", demo.base)).send().await.expect("it answers");
                assert_eq!(reply.url().path(), "/openid/connect/authorize", "the platform asks who: {}", reply.url());
            }
            let (status, said) = demo.order(&client, "/show", &json!({ "step": step })).await;
            assert_eq!((status, said), (StatusCode::OK, json!({ "user": user, "channel": channel })), "{title}");
            // It has come about when it is answered, and can be seen there by them.
            let shot = demo.sees(&client, user, channel, |_| true).await;
            assert!((0..=step).all(|step| done(&shot, step)), "{title}: {}", shot["tour"]);
            assert_eq!(shot["room"]["channel"]["id"], channel, "{title}");
        }
        let general = demo.sees(&client, "U0MEMBER1", GENERAL, |_| true).await;
        let said = general["room"]["messages"].as_array().expect("messages").iter().map(|m| m["text"].to_string());
        assert_eq!(said.filter(|text| text.contains("The vote has passed")).count(), 2, "{general}");
    });
}

#[test]
fn what_a_visitor_has_voted_is_left_alone_when_the_tour_votes_for_them() {
    let demo = Demo::start(&[]);
    run(async |client| {
        for step in [0, 1] {
            assert_eq!(demo.order(&client, "/show", &json!({ "step": step })).await.0, StatusCode::OK);
        }
        let asked = |shot: &Value| {
            let messages = shot["room"]["messages"].as_array().cloned().unwrap_or_default();
            messages.into_iter().rev().find(|m| m["controls"].get(0).is_some())
        };
        let question = demo.sees(&client, "U0STEWARD1", GENERAL, |shot| asked(shot).is_some()).await;
        let question = asked(&question).expect("the question");
        // The first of those who press for the visitor; a second press would take the vote back.
        let act = json!({
            "do": "press", "channel": GENERAL, "ts": question["ts"], "on": { "action_id": question["controls"][0]["action_id"] },
        });
        let (status, said) = demo.order(&client, "/act", &json!({ "user": "U0STEWARD1", "act": act })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        let (status, said) = demo.order(&client, "/show", &json!({ "step": 2 })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        demo.sees(&client, "U0MEMBER1", GENERAL, |shot| shot.to_string().contains("Yes  `2`")).await;
    });
}

#[test]
fn a_steward_s_question_is_for_stewards_and_a_private_channel_stays_private() {
    let demo = Demo::start(&[]);
    run(async |client| {
        let (status, _) = demo.order(&client, "/show", &json!({ "step": 4 })).await;
        assert_eq!(status, StatusCode::OK);
        let asked = demo.sees(&client, "U0STEWARD1", "C0COUNCIL", |shot| shot.to_string().contains("\"button\"")).await;
        let messages = asked["room"]["messages"].as_array().expect("messages");
        let question = messages.iter().rev().find(|m| !m["controls"].as_array().expect("controls").is_empty());
        let question = question.expect("the question");
        let act = json!({
            "do": "press", "channel": "C0COUNCIL", "ts": question["ts"],
            "on": { "action_id": question["controls"][0]["action_id"] },
        });
        let (status, said) = demo.order(&client, "/act", &json!({ "user": "U0MEMBER1", "act": act })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        // Whoever may not look into a channel is shown the one that everybody may.
        let seen = demo.sees(&client, "U0MEMBER1", "C0COUNCIL", |_| true).await;
        assert_eq!(seen["room"]["channel"]["id"], GENERAL);
        assert!(!seen["channels"].to_string().contains("C0COUNCIL"), "{}", seen["channels"]);
        let (status, said) = demo.order(&client, "/act", &json!({ "user": "U0STEWARD1", "act": act })).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        demo.sees(&client, "U0MEMBER1", "C0SHOW", |shot| done(shot, 5)).await;
    });
}

#[test]
fn a_new_topic_waits_for_a_steward_and_the_one_before_stands_meanwhile() {
    let demo = Demo::start(&[]);
    run(async |client| {
        let topic = |shot: &Value| shot["room"]["channel"]["topic"].as_str().unwrap_or_default().to_owned();
        let set = async |user: &str, topic: &str| {
            let act = json!({ "do": "set_topic", "channel": SHOW, "topic": topic });
            let (status, said) = demo.order(&client, "/act", &json!({ "user": user, "act": act })).await;
            assert_eq!(status, StatusCode::OK, "{said}");
        };
        // The question about this topic, with its buttons.
        let asked = async |wish: &str| {
            let of = |shot: &Value| {
                let messages = shot["room"]["messages"].as_array().cloned().unwrap_or_default();
                messages.into_iter().find(|m| m.to_string().contains(wish) && m["controls"].get(0).is_some())
            };
            of(&demo.sees(&client, "U0STEWARD1", "C0COUNCIL", |shot| of(shot).is_some()).await).expect("the question")
        };
        let answer = async |question: &Value, control: usize| {
            let act = json!({
                "do": "press", "channel": "C0COUNCIL", "ts": question["ts"],
                "on": { "action_id": question["controls"][control]["action_id"] },
            });
            let (status, said) = demo.order(&client, "/act", &json!({ "user": "U0STEWARD1", "act": act })).await;
            assert_eq!(status, StatusCode::OK, "{said}");
        };
        let first = topic(&demo.sees(&client, "U0MEMBER1", SHOW, |shot| !topic(shot).is_empty()).await);
        set("U0MEMBER1", "Only boats").await;
        let question = asked("Only boats").await;
        demo.sees(&client, "U0MEMBER1", SHOW, |shot| topic(shot) == first).await;
        answer(&question, 0).await;
        demo.sees(&client, "U0MEMBER1", SHOW, |shot| topic(shot) == "Only boats").await;
        // A steward is not asked: what they set is what comes back the next time.
        set("U0STEWARD2", "Anything that floats").await;
        set("U0MEMBER2", "Cats").await;
        let question = asked("Cats").await;
        demo.sees(&client, "U0MEMBER1", SHOW, |shot| topic(shot) == "Anything that floats").await;
        answer(&question, 1).await;
        demo.sees(&client, "U0MEMBER2", SHOW, |shot| shot.to_string().contains("decided against the topic")).await;
        let last = demo.sees(&client, "U0MEMBER1", SHOW, |_| true).await;
        assert_eq!(topic(&last), "Anything that floats");
        let council = demo.sees(&client, "U0STEWARD1", "C0COUNCIL", |_| true).await.to_string();
        assert!(!council.contains("Anything that floats"), "{council}");
    });
}

#[test]
fn a_kept_folder_is_the_same_community_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    for start in 1..=2 {
        let demo = Demo::start(&["--data", &path]);
        run(async |client| {
            let (status, said) = demo.order(&client, "/show", &json!({ "step": 0 })).await;
            assert_eq!(status, StatusCode::OK, "start {start}: {said}");
            demo.sees(&client, "U0MEMBER1", GENERAL, |shot| done(shot, 0)).await;
        });
    }
}

#[test]
fn a_page_that_has_its_name_resolved_to_this_machine_is_refused() {
    let demo = Demo::start(&[]);
    run(async |client| {
        for path in ["/", "/demo/", "/demo/state?user=U0MEMBER1&channel=C0GENERAL", "/demo-record", "/main"] {
            let asked = client.get(format!("{}{path}", demo.base)).header(header::HOST, "evil.example");
            assert_eq!(asked.send().await.expect("it answers").status(), StatusCode::FORBIDDEN, "{path}");
        }
    });
}

#[test]
fn the_record_is_opened_by_the_button_of_the_demo_s_page_and_by_no_other_site() {
    let demo = Demo::start(&[]);
    run(async |client| {
        let page = client.get(format!("{}/demo/", demo.base)).send().await.expect("it answers");
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
        assert!(policy.contains("form-action 'self'"), "{policy}");
        let text = page.text().await.expect("text");
        assert!(text.contains("<form method=\"post\" action=\"/demo-record\""), "{text}");
        let record = format!("{}/demo-record", demo.base);
        let looked = client.get(&record).send().await.expect("it answers");
        assert_eq!(looked.status(), StatusCode::METHOD_NOT_ALLOWED);
        for site in ["cross-site", "same-site"] {
            let sent = client.post(&record).header("sec-fetch-site", site).send().await.expect("it answers");
            assert_eq!(sent.status(), StatusCode::FORBIDDEN, "{site}");
            assert!(!sent.headers().contains_key(header::SET_COOKIE), "{site}");
        }
        let sent = client.post(&record).header("sec-fetch-site", "same-origin").send().await.expect("it answers");
        // Where it leads is known from the first answer; this client keeps no cookies.
        assert_eq!(sent.url().path(), "/login", "{}", sent.url());
        let cookies = plain().post(&record).send().await.expect("it answers");
        assert_eq!(cookies.headers()[header::LOCATION], "/main");
        let cookie = cookies.headers()[header::SET_COOKIE].to_str().expect("text");
        let session = cookie.split(';').next().expect("a pair").to_owned();
        let main = client.get(format!("{}/main", demo.base)).header(header::COOKIE, session).send().await;
        assert_eq!(main.expect("it answers").url().path(), "/main", "they are signed in");
    });
}

#[test]
fn what_does_something_in_the_demo_is_taken_from_its_own_pages_alone() {
    let demo = Demo::start(&[]);
    run(async |client| {
        let page = client.get(format!("{}/demo/", demo.base)).send().await.expect("it answers");
        // So that browsers which know no better header name the page.
        assert_eq!(page.headers()[header::REFERRER_POLICY], "same-origin");
        let post =
            json!({ "user": "U0MEMBER1", "act": { "do": "post", "channel": GENERAL, "text": "from elsewhere" } });
        let orders = [
            ("/demo/act", post),
            ("/demo/show", json!({ "step": 0 })),
            ("/demo/skip", json!({})),
            ("/demo-record", json!({})),
        ];
        let before = demo.sees(&client, "U0MEMBER1", GENERAL, |_| true).await;
        for (path, body) in &orders {
            let sent = |name: &'static str, value: &str| {
                client.post(format!("{}{path}", demo.base)).header(name, value).json(body).send()
            };
            for (name, value) in [
                ("origin", "https://evil.example"),
                ("origin", "null"),
                ("origin", "http://127.0.0.1:1"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
            ] {
                let refused = sent(name, value).await.expect("it answers");
                assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path} {name} {value}");
                assert!(!refused.headers().contains_key(header::SET_COOKIE), "{path} {name} {value}");
            }
        }
        let after = demo.sees(&client, "U0MEMBER1", GENERAL, |_| true).await;
        assert_eq!((&after["room"], &after["tour"]), (&before["room"], &before["tour"]));
        let three_days = 3 * 24 * 3600 * 1_000_000_i64;
        assert!(after["now"].as_i64() < before["now"].as_i64().map(|then| then + three_days), "no time was skipped");
        for (path, body) in &orders[..3] {
            let own = client.post(format!("{}{path}", demo.base)).header(header::ORIGIN, &demo.base).json(body).send();
            assert_eq!(own.await.expect("it answers").status(), StatusCode::OK, "{path}");
        }
    });
}

#[test]
fn what_the_platform_refuses_is_said_in_words_and_not_in_codes() {
    let demo = Demo::start(&[]);
    run(async |client| {
        let act = json!({ "do": "rename", "channel": GENERAL, "name": "Hello, World!" });
        let (status, said) = demo.order(&client, "/act", &json!({ "user": "U0STEWARD1", "act": act })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let words = "Slack does not take the name; channels take lower-case letters, digits, hyphens and underscores.";
        assert_eq!(said["error"], words);
    });
}

/// A client that goes nowhere by itself.
#[expect(clippy::disallowed_methods, reason = "it plays the visitor's browser, which may go anywhere")]
fn plain() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

#[test]
fn the_demo_does_not_listen_for_others() {
    let tried = Command::new(env!("CARGO_BIN_EXE_policykit"))
        .args(["demo", "--listen", "0.0.0.0:0"])
        .output()
        .expect("the program runs");
    assert_eq!(tried.status.code(), Some(1));
    let said = String::from_utf8_lossy(&tried.stderr);
    assert!(said.contains("this machine alone") && said.contains("127.0.0.1"), "{said}");
}
