//! People and conversations.

use policykit_core::{JsonMap, Value as PolicyValue};
use serde_json::Value;

use super::{Token, Trouble, Web, next_cursor, pairs};
use crate::{
    http::Http,
    platform::{CallError, ChannelsPage, PeoplePage, SendContext},
    slack::{
        actions::text,
        events::{channel, profile},
    },
};

/// How many pages of any list are read: 999,000 entries.
const MOST_PAGES: usize = 1_000;
/// As many as Slack takes: lists are paced, and what is read by a policy begins anew where the pace has stopped it.
const PAGE: (&str, &str) = ("limit", "999");
/// The kinds of conversations that have names.
const ALL_CHANNELS: &str = "public_channel,private_channel";

/// A page of the workspace's people.
pub(in crate::slack) async fn people(
    http: &Http,
    cursor: Option<&str>,
    context: &SendContext,
) -> Result<PeoplePage, CallError> {
    let web = Web::of(http, context);
    let mut params = pairs(&[PAGE]);
    params.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor.to_owned())));
    let body = web.get("users.list", Token::Bot, params).await.map_err(as_call_error)?;
    let people = body.get("members").and_then(Value::as_array).into_iter().flatten().filter_map(profile).collect();
    Ok(PeoplePage { people, next: next_cursor(&body) })
}

/// A page of the channels that the bot can see: public ones, and private ones that it is in.
pub(in crate::slack) async fn channels(
    http: &Http,
    cursor: Option<&str>,
    context: &SendContext,
) -> Result<ChannelsPage, CallError> {
    let web = Web::of(http, context);
    let of = async |types: &str| {
        let mut params = pairs(&[PAGE, ("types", types)]);
        params.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor.to_owned())));
        web.get("conversations.list", Token::Bot, params).await
    };
    let mut body = of(ALL_CHANNELS).await;
    if body.as_ref().is_err_and(|trouble| trouble.is_refusal(&["missing_scope"])) {
        body = of("public_channel").await;
    }
    let body = body.map_err(as_call_error)?;
    let channels = body.get("channels").and_then(Value::as_array).into_iter().flatten().filter_map(channel).collect();
    Ok(ChannelsPage { channels, next: next_cursor(&body) })
}

/// Answers a reading method.
pub(in crate::slack) async fn read(
    http: &Http,
    method: &str,
    args: &JsonMap,
    context: &SendContext,
) -> Result<PolicyValue, CallError> {
    let web = Web::of(http, context);
    match method {
        "get_users_in_channel" => {
            let channel = text(args, "channel").ok_or_else(|| never("`channel` is missing"))?;
            let members = members(&web, &channel).await.map_err(as_call_error)?;
            Ok(PolicyValue::List(members.into_iter().map(PolicyValue::Str).collect()))
        }
        "get_real_users" => {
            let all = list(&web, "users.list", &[PAGE], "members").await.map_err(as_call_error)?;
            let real = all.iter().filter_map(profile).filter(|p| !p.is_bot && !p.is_gone);
            Ok(PolicyValue::List(real.map(|p| choice(&p.external_id, &p.name)).collect()))
        }
        "get_conversations" => {
            let kinds: Vec<String> = args
                .get("types")
                .and_then(Value::as_array)
                .map(|list| list.iter().filter_map(|k| k.as_str().map(str::to_owned)).collect())
                .unwrap_or_else(|| vec!["channel".to_owned()]);
            let types = text(args, "types_arg").unwrap_or_else(|| "public_channel".to_owned());
            let params = [PAGE, ("types", types.as_str()), ("exclude_archived", "true")];
            let all = list(&web, "conversations.list", &params, "channels").await.map_err(as_call_error)?;
            let wanted = all.iter().filter(|c| {
                kinds.iter().any(|kind| c.get(format!("is_{kind}")).and_then(Value::as_bool).unwrap_or(false))
            });
            Ok(PolicyValue::List(wanted.filter_map(conversation).collect()))
        }
        "get_usergroups" => {
            let body = web.get("usergroups.list", Token::Bot, Vec::new()).await.map_err(as_call_error)?;
            let groups = body.get("usergroups").and_then(Value::as_array).into_iter().flatten().filter_map(|group| {
                let field = |name: &str| group.get(name).and_then(Value::as_str).map(PolicyValue::str);
                Some(PolicyValue::Dict(vec![
                    (PolicyValue::str("value"), field("id")?),
                    (PolicyValue::str("name"), field("name")?),
                    (PolicyValue::str("handle"), field("handle")?),
                ]))
            });
            Ok(PolicyValue::List(groups.collect()))
        }
        "get_users_in_usergroup" => {
            let group = text(args, "usergroup").ok_or_else(|| never("`usergroup` is missing"))?;
            let params = pairs(&[("usergroup", &group)]);
            let body = web.get("usergroups.users.list", Token::Bot, params).await.map_err(as_call_error)?;
            let users = body.get("users").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            Ok(PolicyValue::List(users.map(PolicyValue::str).collect()))
        }
        "get_users" => Err(never("`get_users` is answered from the mirror of the directory, not here")),
        other => Err(never(&format!("`{other}` is not a reading method"))),
    }
}

/// Whether the answer may name conversations that only some can see.
pub(in crate::slack) fn tells_private(method: &str, args: &JsonMap) -> bool {
    let types = text(args, "types_arg").unwrap_or_else(|| "public_channel".to_owned());
    method == "get_conversations" && types.split(',').any(|kind| kind.trim() != "public_channel")
}

/// Account ids of everybody in a channel.
pub(super) async fn members(web: &Web<'_>, channel: &str) -> Result<Vec<String>, Trouble> {
    let all = list(web, "conversations.members", &[PAGE, ("channel", channel)], "members").await?;
    Ok(all.into_iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
}

/// Whether this is an id of Slack's and not a name: names have no capitals.
pub(super) fn is_id(channel: &str) -> bool {
    channel.starts_with(['C', 'D', 'G', 'U', 'W'])
        && channel.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// The id of the channel that has this name, with or without `#`, among those the bot can see.
pub(super) async fn channel_called(web: &Web<'_>, name: &str) -> Result<Option<String>, Trouble> {
    let name = name.trim_start_matches('#');
    let of = async |types| list(web, "conversations.list", &[PAGE, ("types", types)], "channels").await;
    let mut all = of(ALL_CHANNELS).await;
    if all.as_ref().is_err_and(|trouble| trouble.is_refusal(&["missing_scope"])) {
        all = of("public_channel").await;
    }
    let field = |channel: &Value, field: &str| channel.get(field).and_then(Value::as_str).map(str::to_owned);
    let found = all?.into_iter().find(|channel| field(channel, "name").as_deref() == Some(name));
    Ok(found.and_then(|channel| field(&channel, "id")))
}

async fn list(web: &Web<'_>, method: &str, params: &[(&str, &str)], field: &str) -> Result<Vec<Value>, Trouble> {
    let all = web.pages(method, Token::Bot, params, field, MOST_PAGES).await?;
    all.ok_or_else(|| Trouble::Call(never("the list does not end")))
}

fn conversation(channel: &Value) -> Option<PolicyValue> {
    let id = channel.get("id")?.as_str()?;
    Some(choice(id, channel.get("name").and_then(Value::as_str).unwrap_or(id)))
}

fn choice(value: &str, name: &str) -> PolicyValue {
    PolicyValue::Dict(vec![
        (PolicyValue::str("value"), PolicyValue::str(value)),
        (PolicyValue::str("name"), PolicyValue::str(name)),
    ])
}

/// A read that asking again will not help.
fn never(reason: &str) -> CallError {
    CallError::Refused { reason: reason.to_owned() }
}

fn as_call_error(trouble: Trouble) -> CallError {
    match trouble {
        Trouble::Call(error) => error,
        refused @ Trouble::Refused { .. } => never(&refused.describe()),
    }
}
