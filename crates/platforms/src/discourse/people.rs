//! Who is who on a forum: members are known here by the number of their account. Names are what they go by for now: they can
//! be changed, and whoever gives one up leaves it to others.

use policykit_core::community::Profile;
use serde_json::Value;

/// The id under which an account is known here. No name on a forum has such a sign in it.
pub(super) fn account(number: i64) -> String {
    format!("#{number}")
}

/// The number of an account, of an id under which it is known here; `None` for a name.
pub(super) fn number(account: &str) -> Option<i64> {
    account.strip_prefix('#')?.parse().ok()
}

/// An account as any answer of the forum shows it.
pub(super) fn profile(user: &Value) -> Option<Profile> {
    let flag = |name: &str| user.get(name).and_then(Value::as_bool);
    let id = user.get("id").and_then(Value::as_i64)?;
    Some(Profile {
        is_gone: flag("suspended").unwrap_or(false) || flag("active") == Some(false),
        ..known(id, user.get("username")?.as_str()?, flag("admin").unwrap_or(false))?
    })
}

/// Who wrote a post.
pub(super) fn author(post: &Value) -> Option<Profile> {
    let is_admin = post.get("admin").and_then(Value::as_bool).unwrap_or(false);
    known(post.get("user_id")?.as_i64()?, post.get("username")?.as_str()?, is_admin)
}

fn known(number: i64, username: &str, is_admin: bool) -> Option<Profile> {
    (!username.is_empty()).then(|| Profile {
        external_id: account(number),
        name: username.to_owned(),
        is_admin,
        // The forum itself and its own helper.
        is_bot: number < 0,
        is_gone: false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_somebody_is_does_not_depend_on_what_they_are_called() {
        let of = |name: &str| profile(&json!({ "id": 17, "username": name, "name": "Ada L." })).unwrap();
        assert_eq!((of("ada").external_id, of("ada").name), (of("lovelace").external_id, "ada".to_owned()));
        assert_eq!(number(&of("ada").external_id), Some(17));
        assert_eq!(number("17"), None, "a name may be made of digits");
        assert!(profile(&json!({ "id": 17, "username": "" })).is_none());
    }
}
