//! The forum's pages for people: they show what is there and do what their forms say, as whom was chosen.

use policykit_platforms::discourse::fake::{Act, Change};
use url::form_urlencoded;

use crate::support::{As, Forum, Reply, WORDS, request};

async fn page(forum: &Forum, who: &str, path: &str) -> Reply {
    let headers = vec![("Accept", "text/html,*/*".to_owned()), ("Cookie", format!("act_as={who}"))];
    forum.call(As::Headers(headers), "GET", path, None).await
}

async fn send(forum: &Forum, who: &str, site: &str, fields: &[(&str, &str)]) -> Reply {
    let headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Cookie", format!("act_as={who}")),
        ("Sec-Fetch-Site", site.to_owned()),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request(forum.fake.base_url(), "POST", "/pages/act", &headers, &body).await.unwrap()
}

const POLL: &str = "Which is it to be?\n\n[poll type=multiple public=true]\n* Beans\n* Peas\n[/poll]";

#[tokio::test]
async fn a_topic_is_read_answered_and_voted_in() {
    let forum = Forum::start().await;
    let (topic, post) = forum.topic("tom", "What do we <plant> this year", POLL);
    let front = page(&forum, "tess", "/").await.text;
    assert!(front.contains("What do we &lt;plant&gt; this year") && front.contains("Act as"), "{front}");
    let path = format!("/t/x/{topic}");
    let shown = page(&forum, "tess", &path).await.text;
    assert!(shown.contains("type=\"checkbox\"") && shown.contains(">Beans<") && !shown.contains("[poll"), "{shown}");
    let option = forum.fake.post(post, None).unwrap()["polls"][0]["options"][1]["id"].as_str().unwrap().to_owned();
    let (post, topic) = (post.to_string(), topic.to_string());
    let vote = [("back", path.as_str()), ("deed", "vote"), ("post", &post), ("poll", "poll"), ("options[]", &option)];
    let done = send(&forum, "tess", "same-origin", &vote).await;
    assert_eq!((done.status, done.header("location")), (303, Some(path.as_str())), "{}", done.text);
    let reply =
        [("back", path.as_str()), ("deed", "reply"), ("topic", &topic), ("raw", "I am for the peas, as always.")];
    send(&forum, "tess", "same-origin", &reply).await;
    let shown = page(&forum, "nils", &path).await.text;
    assert!(shown.contains("I am for the peas") && shown.contains("1 voter"), "{shown}");
    let voted = forum.fake.changes().into_iter().find(|change| matches!(change, Change::Voted { .. }));
    assert!(matches!(voted, Some(Change::Voted { user, options, .. }) if user == "tess" && options == [option]));
}

#[tokio::test]
async fn what_the_forum_refuses_is_said_on_the_page() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    let (path, topic) = (format!("/t/x/{topic}"), topic.to_string());
    let short = [("back", path.as_str()), ("deed", "reply"), ("topic", &topic), ("raw", "No.")];
    let refused = send(&forum, "tess", "same-origin", &short).await;
    let to = refused.header("location").unwrap().split('#').next().unwrap().to_owned();
    assert!(page(&forum, "tess", &to).await.text.contains("Body is too short (minimum is 20 characters)"));
    let shown = page(&forum, "nils", &path).await.text;
    assert!(!shown.contains("Close topic") && !shown.contains("Delete topic"), "{shown}");
    assert!(page(&forum, "max", &path).await.text.contains("Close topic"));
}

#[tokio::test]
async fn forms_of_other_sites_are_turned_away_and_lead_nowhere_else() {
    let forum = Forum::start().await;
    let (topic, _) = forum.topic("tom", "When do we plant the beans", WORDS);
    let topic = topic.to_string();
    let delete = [("deed", "delete_topic"), ("topic", topic.as_str())];
    assert_eq!(send(&forum, "max", "cross-site", &delete).await.status, 403);
    assert_eq!(page(&forum, "tom", &format!("/t/{topic}")).await.status, 200, "it is there");
    let away = send(&forum, "max", "same-origin", &[("back", "//elsewhere.example/"), ("act_as", "tom")]).await;
    assert_eq!(away.header("location"), Some("/"));
    assert!(away.header("set-cookie").unwrap().starts_with("act_as=tom;"));
}

#[tokio::test]
async fn pages_hide_what_the_member_may_not_see() {
    let forum = Forum::start().await;
    let act = Act::Topic {
        title: "What the staff has to say".into(),
        raw: WORDS.into(),
        category: Some("staff".into()),
        tags: Vec::new(),
    };
    let topic = forum.fake.act("max", act).unwrap().topic.unwrap();
    assert_eq!(page(&forum, "tom", &format!("/t/{topic}")).await.status, 404);
    assert_eq!(page(&forum, "max", &format!("/t/{topic}")).await.status, 200);
    assert!(!page(&forum, "tom", "/").await.text.contains("What the staff"));
    let api = forum.call(As::Nobody, "GET", "/latest.json", None).await;
    assert!(api.json()["topic_list"].is_object(), "applications get JSON");
}
