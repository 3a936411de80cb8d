//! The reading methods.

use policykit_core::{JsonMap, Value};
use serde_json::Value as Json;

use super::{
    descriptor::URL,
    instance::Instance,
    standing::{Person, Whom},
    store::Store,
};
use crate::platform::{CallError, SendContext};

/// How many accounts are handed out in one list, which is also recorded.
const MOST_ACCOUNTS: usize = 5_000;

/// Answers a reading method.
///
/// # Errors
/// When the instance cannot be read, or it is not clear who is meant.
pub(super) async fn read(
    store: &Store,
    method: &str,
    args: &JsonMap,
    context: &SendContext,
) -> Result<Value, CallError> {
    let address = context.installation.settings.get(URL).and_then(Json::as_str);
    let address = address.ok_or_else(|| never("its address is not known; add it again in the settings"))?;
    let instance = Instance::at(address, &context.app).map_err(|why| never(&why))?;
    let standing = store.standing(&instance, context.now).await?;
    let person = || -> Result<Option<&Person>, CallError> { standing.find(whom(args)?).map_err(|why| never(&why)) };
    match method {
        "get_cred" => number(person()?.map_or(0.0, Person::cred)),
        "get_recent_cred" => {
            let intervals = args.get("intervals").and_then(Json::as_u64).filter(|intervals| *intervals > 0);
            let intervals = intervals.ok_or_else(|| never("`intervals` is a whole number from 1"))?;
            let intervals = usize::try_from(intervals).unwrap_or(usize::MAX);
            number(person()?.map_or(0.0, |person| person.recent(intervals)))
        }
        "get_grain" => match person()?.map(Person::grain) {
            Some(Ok(grain)) => Ok(Value::Str(grain.decimal())),
            Some(Err(why)) => Err(never(why)),
            None => Ok(Value::str("0")),
        },
        "get_total_cred" | "fetch_total_credcred" => number(standing.total()),
        "get_accounts" => {
            let all = standing.accounts();
            if all.len() > MOST_ACCOUNTS {
                let reason = format!("it has more than {MOST_ACCOUNTS} accounts; ask for single ones with `get_cred`");
                return Err(never(&reason));
            }
            Ok(Value::List(all.into_iter().map(account).collect()))
        }
        other => Err(never(&format!("`{other}` is not a reading method"))),
    }
}

fn whom(args: &JsonMap) -> Result<Whom<'_>, CallError> {
    let text = |name: &str| args.get(name).and_then(Json::as_str);
    match (text("username"), text("id")) {
        (Some(name), None) => Ok(Whom::Name(name)),
        (None, Some(id)) => Ok(Whom::Id(id, text("plugin"))),
        (None, None) => Err(never("say who is meant, with `username` or with `id`")),
        (Some(_), Some(_)) => Err(never("say who is meant with `username` or with `id`, not with both")),
    }
}

fn account(person: &Person) -> Value {
    let grain = person.grain().map_or(Value::None, |grain| Value::Str(grain.decimal()));
    Value::Dict(vec![
        (Value::str("name"), Value::str(person.name())),
        (Value::str("cred"), Value::Float(person.cred())),
        (Value::str("grain"), grain),
    ])
}

fn number(value: f64) -> Result<Value, CallError> {
    if value.is_finite() { Ok(Value::Float(value)) } else { Err(never("the cred there is beyond all numbers")) }
}

/// A read that asking again will not help.
fn never(reason: &str) -> CallError {
    CallError::Refused { reason: reason.to_owned() }
}
