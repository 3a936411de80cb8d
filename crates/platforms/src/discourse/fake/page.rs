//! The forum's own pages, for people who try things out: topics, posts and polls, acting as any member.
//!
//! They work without scripts: everything is a form that leads back to where it was sent from. Whoever reaches them acts
//! as anybody, and forms from other sites are turned away.

mod render;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use url::form_urlencoded;

use super::{
    Fake,
    control::{Act, Denied},
    params::Params,
    world::World,
};

/// Colours and letters are those of the product.
const TOKENS: &str = include_str!("../../../../../web/css/tokens.css");
const STYLE: &str = include_str!("page/forum.css");
/// Whom the visitor acts as.
const COOKIE: &str = "act_as=";

/// The style sheet of the pages.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], [TOKENS, STYLE].concat()).into_response()
}

/// Whether somebody with a browser asks, rather than an application.
pub(super) fn wanted(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = path.split('/').find(|part| !part.is_empty());
    accepts.contains("text/html") && !path.contains(".json") && matches!(first, None | Some("latest" | "c" | "t"))
}

/// Shows a page.
pub(super) fn show(fake: &Fake, path: &str, query: Option<&str>, headers: &HeaderMap) -> Response {
    let params = Params::read(query, "", &[]).unwrap_or_default();
    let trouble = params.text("trouble");
    let page = fake.shared.with(|world| {
        let viewer = acting(world, headers);
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        world.page(viewer, &segments, trouble.as_deref())
    });
    match page {
        Some(page) => Html(page).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Html("<!doctype html><title>Not found</title><p>There is no such page, or none for you.</p>".to_owned()),
        )
            .into_response(),
    }
}

/// Whom the visitor acts as: the one who was chosen, or the first member.
pub(super) fn acting(world: &World, headers: &HeaderMap) -> Option<i64> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let chosen = cookies.flat_map(|line| line.split(';')).find_map(|cookie| cookie.trim().strip_prefix(COOKIE));
    let chosen = chosen.and_then(|name| world.find_user(name));
    chosen.map(|user| user.id).or_else(|| world.users.keys().find(|id| **id > 0).copied())
}

/// Whether a form comes from a page of this forum, as far as the browser says.
pub(super) fn foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// Does what a form says, and leads back.
pub(super) async fn act(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    if foreign(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(form) = Params::read(None, "application/x-www-form-urlencoded", &body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Only to a page of this forum: no host, and nothing that a browser takes for one.
    let back =
        form.text("back").filter(|back| back.starts_with('/') && !back.starts_with("//") && !back.contains('\\'));
    let back = back.unwrap_or_else(|| "/".to_owned());
    if let Some(name) = form.text("act_as") {
        let name = fake.shared.with(|world| world.find_user(&name).map(|user| user.username.clone()));
        let cookie = format!("{COOKIE}{}; Path=/; HttpOnly; SameSite=Lax", name.unwrap_or_default());
        return away(&back, HeaderValue::from_str(&cookie).ok());
    }
    let done = fake.shared.with(|world| {
        let name = acting(world, &headers).map(|id| world.name_of(id)).unwrap_or_default();
        let act = read(&form)
            .ok_or_else(|| Denied::Refused { status: 400, errors: vec!["this form is not complete".to_owned()] })?;
        world.act(&name, act)
    });
    match done {
        Ok(acted) => {
            let opened = acted.topic.filter(|_| form.text("deed").as_deref() == Some("topic"));
            away(&opened.map_or(back, |topic| format!("/t/topic/{topic}")), None)
        }
        Err(denied) => {
            let words = match denied {
                Denied::Refused { errors, .. } if !errors.is_empty() => errors.join("; "),
                other => other.to_string(),
            };
            let trouble: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("trouble", &words).finish();
            let path = back.split(['?', '#']).next().unwrap_or("/");
            away(&format!("{path}?{trouble}#trouble"), None)
        }
    }
}

fn away(to: &str, cookie: Option<HeaderValue>) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The deed of a form.
fn read(form: &Params) -> Option<Act> {
    let text = |name: &str| form.text(name);
    let (topic, post) = (form.int("topic"), form.int("post"));
    let status = |status: &str, enabled| Some(Act::Status { topic: topic?, status: status.to_owned(), enabled });
    let poll = || text("poll").unwrap_or_else(|| "poll".to_owned());
    match text("deed")?.as_str() {
        "topic" => Some(Act::Topic {
            title: text("title")?,
            raw: text("raw")?,
            category: text("category"),
            tags: form.list("tags").unwrap_or_default(),
        }),
        "reply" => Some(Act::Reply { topic: topic?, raw: text("raw")?, to: form.int("to") }),
        "edit" => Some(Act::Edit { post: post?, raw: text("raw")?, reason: None }),
        "rename" => Some(Act::Rename { topic: topic?, title: text("title")? }),
        "move" => Some(Act::Move { topic: topic?, category: text("category")? }),
        "tag" => Some(Act::Tag { topic: topic?, tags: form.list("tags").unwrap_or_default() }),
        "close" => status("closed", true),
        "open" => status("closed", false),
        "delete_topic" => Some(Act::DeleteTopic { topic: topic? }),
        "recover_topic" => Some(Act::RecoverTopic { topic: topic? }),
        "delete_post" => Some(Act::DeletePost { post: post? }),
        "recover_post" => Some(Act::RecoverPost { post: post? }),
        "like" => Some(Act::Like { post: post? }),
        "vote" => Some(Act::Vote { post: post?, poll: poll(), options: chosen(form) }),
        "unvote" => Some(Act::Vote { post: post?, poll: poll(), options: Vec::new() }),
        "close_poll" => Some(Act::Poll { post: post?, poll: poll(), status: "closed".to_owned() }),
        "open_poll" => Some(Act::Poll { post: post?, poll: poll(), status: "open".to_owned() }),
        _ => None,
    }
}

/// The options of a vote: those that are ticked, or all of them by their ranks.
fn chosen(form: &Params) -> Vec<String> {
    let Some(ranks) = form.within("rank") else {
        let one_or_more = form.list("options").unwrap_or_default();
        return one_or_more.into_iter().filter(|option| !option.is_empty()).collect();
    };
    let shown = ranks.shown();
    let mut ranked: Vec<(i64, &String)> =
        shown.as_object().into_iter().flatten().map(|(id, _)| (ranks.int(id).unwrap_or(i64::MAX), id)).collect();
    ranked.sort();
    ranked.into_iter().map(|(_, id)| id.clone()).collect()
}
