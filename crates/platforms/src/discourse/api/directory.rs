//! People, categories, and what policies read.

use policykit_core::{JsonMap, Value as PolicyValue, community::Channel};
use serde_json::Value;

use super::{Trouble, Web, confirm, free, need, never, number, pairs, segment};
use crate::{
    discourse::{
        actions::text,
        people::{account, number as number_of, profile},
    },
    http::Http,
    platform::{CallError, ChannelsPage, PeoplePage, SendContext},
};

/// How many pages of any list are read.
const MOST_PAGES: usize = 1_000;

/// How many pages of people are read: as much as a user's key may ask in a minute, with room for what else is asked when a forum
/// is installed. Whoever is on none of them is met when they do something.
const MOST_PEOPLE: usize = 10;

/// A page of the forum's people, as its administrators see them.
pub(in crate::discourse) async fn people(
    http: &Http,
    cursor: Option<&str>,
    context: &SendContext,
) -> Result<PeoplePage, CallError> {
    let web = Web::of(http, context);
    let page: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(1);
    // Those who were there last come first.
    let body =
        web.get("admin/users/list/active.json", pairs(&[("order", "seen"), ("page", &page.to_string())])).await?;
    let listed = body.as_array().map(Vec::as_slice).unwrap_or_default();
    let people: Vec<_> = listed.iter().filter_map(profile).collect();
    let next = (!listed.is_empty() && page < MOST_PEOPLE).then(|| (page + 1).to_string());
    Ok(PeoplePage { people, next })
}

/// The categories, where people talk.
pub(in crate::discourse) async fn channels(http: &Http, context: &SendContext) -> Result<ChannelsPage, CallError> {
    let web = Web::of(http, context);
    let channels = categories(&web).await?.iter().filter_map(channel).collect();
    Ok(ChannelsPage { channels, next: None })
}

async fn categories(web: &Web<'_>) -> Result<Vec<Value>, Trouble> {
    let body = web.get("site.json", Vec::new()).await?;
    Ok(body.get("categories").and_then(Value::as_array).cloned().unwrap_or_default())
}

fn channel(category: &Value) -> Option<Channel> {
    Some(Channel {
        external_id: number(category, "id")?.to_string(),
        name: category.get("name")?.as_str()?.to_owned(),
        is_private: category.get("read_restricted").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// Answers a reading method.
pub(in crate::discourse) async fn read(
    http: &Http,
    method: &str,
    args: &JsonMap,
    context: &SendContext,
) -> Result<PolicyValue, CallError> {
    let web = Web::of(http, context);
    match method {
        "get_users_in_group" => {
            let group = text(args, "group").ok_or_else(|| never("`group` is missing"))?;
            let members = confirm::members(&web, &group).await?;
            Ok(PolicyValue::List(members.into_iter().map(|(id, _)| PolicyValue::Str(account(id))).collect()))
        }
        "get_groups" => {
            let all = groups(&web).await?;
            Ok(PolicyValue::List(all.iter().filter_map(|group| choice(group.get("name")?.as_str()?, group)).collect()))
        }
        "get_categories" => {
            let all = categories(&web).await?;
            Ok(PolicyValue::List(all.iter().filter_map(|c| choice(&number(c, "id")?.to_string(), c)).collect()))
        }
        "get_topic" => Ok(PolicyValue::from_json(&free::topic(&web, need(args, "topic_id")?).await?)),
        "get_post" => Ok(PolicyValue::from_json(&free::post(&web, need(args, "post_id")?).await?)),
        "get_trust_level" => {
            let user = super::super::actions::texts(args.get("user")).into_iter().next();
            let user = user.ok_or_else(|| never("`user` is missing"))?;
            let body = web.get(&format!("u/{}.json", segment(&username(&web, &user).await?)), Vec::new()).await?;
            let level = body.get("user").and_then(|user| number(user, "trust_level"));
            level.map(PolicyValue::Int).ok_or_else(|| never("the forum does not tell how far it trusts them"))
        }
        other => Err(never(&format!("`{other}` is not a reading method"))),
    }
}

/// The name by which the forum calls an account now; a name is one already.
pub(super) async fn username(web: &Web<'_>, account: &str) -> Result<String, Trouble> {
    let Some(id) = number_of(account) else { return Ok(account.to_owned()) };
    let body = web.get(&format!("admin/users/{id}.json"), Vec::new()).await?;
    let name = body.get("username").and_then(Value::as_str).map(str::to_owned);
    name.ok_or_else(|| Trouble::unknown("the forum does not say what the account is called"))
}

/// The account that the forum calls by this name now.
pub(super) async fn find(web: &Web<'_>, name: &str) -> Result<String, Trouble> {
    let body = web.get(&format!("u/{}.json", segment(name)), Vec::new()).await?;
    let id = body.get("user").and_then(|user| number(user, "id"));
    id.map(account).ok_or_else(|| Trouble::unknown("the forum does not say whose name it is"))
}

/// All groups of the forum.
pub(super) async fn groups(web: &Web<'_>) -> Result<Vec<Value>, Trouble> {
    let mut all: Vec<Value> = Vec::new();
    for page in 0..MOST_PAGES {
        let body = web.get("groups.json", pairs(&[("page", &page.to_string())])).await?;
        let some = body.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
        let total = number(&body, "total_rows_groups").and_then(|n| usize::try_from(n).ok());
        let known = |group: &Value| all.iter().any(|other| other.get("id") == group.get("id"));
        let new: Vec<Value> = some.into_iter().filter(|group| !known(group)).collect();
        let is_over = new.is_empty();
        all.extend(new);
        if is_over || total.is_none_or(|total| all.len() >= total) {
            return Ok(all);
        }
    }
    Err(Trouble::unknown("the list of groups does not end"))
}

fn choice(value: &str, named: &Value) -> Option<PolicyValue> {
    let name = named.get("name")?.as_str()?;
    Some(PolicyValue::Dict(vec![
        (PolicyValue::str("value"), PolicyValue::str(value)),
        (PolicyValue::str("name"), PolicyValue::str(name)),
    ]))
}
