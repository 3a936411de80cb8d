//! What a policy writes, without what somebody else may have put into it: names that call many people, and an address behind
//! other words.
//!
//! Policies quote what people wrote, and it is posted with an administrator's standing. So nobody is called by a text but single
//! people unless the policy says so beside it, and an address is hidden only where the policy itself or the forum would be
//! the one to hide it.

use policykit_core::JsonMap;
use serde_json::Value;

use crate::{platform::PlanContext, quoted::Linked};

/// The argument by which a policy says that a text may call many people.
pub(super) const CALLS: &str = "mentions_everybody";
/// Arguments that people read.
const WORDS: [&str; 4] = ["text", "title", "reason", "values"];
/// Names that call many people on every forum; others are groups of this one.
const MANY: [&str; 6] = ["here", "all", "everyone", "admins", "moderators", "staff"];
/// Beginning of the names of the groups that a forum makes of those it trusts.
const TRUSTED: &str = "trust_level_";
/// Stands behind a sign that would begin a name; it is not seen.
const APART: char = '\u{2060}';

/// Whether a text may call many people.
pub(super) fn is_meant(args: &JsonMap) -> bool {
    args.get(CALLS) == Some(&Value::Bool(true))
}

/// The arguments of a policy's call as they may be sent.
pub(super) fn arguments(args: &JsonMap, context: &PlanContext<'_>) -> JsonMap {
    let (meant, linked) = (is_meant(args), Linked::by(context));
    let own = |(name, value): (&String, &Value)| {
        let is_read = WORDS.contains(&name.as_str());
        (name.clone(), if is_read { inside(value, meant, &linked) } else { value.clone() })
    };
    args.iter().map(own).collect()
}

fn inside(value: &Value, meant: bool, linked: &Linked) -> Value {
    match value {
        Value::String(text) => Value::String(harmless(text, meant, linked)),
        Value::Array(items) => items.iter().map(|item| inside(item, meant, linked)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), inside(value, meant, linked))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A choice, of which the policy's words are not known any more, as it may be shown.
pub(super) fn shown(text: &str) -> String {
    harmless(text, false, &Linked::default())
}

/// A text in which no sign means anything.
pub(super) fn literally(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '@' => out.extend(['@', APART]),
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '>' | '|' | '~' | '!' => out.extend(['\\', sign]),
            _ => out.push(sign),
        }
    }
    out
}

/// A text as it may be posted.
fn harmless(text: &str, meant: bool, linked: &Linked) -> String {
    let text = unlinked(text, linked);
    if meant { text } else { uncalled(&text, |name| MANY.contains(&name) || name.starts_with(TRUSTED)) }
}

/// A text in which names like this call nobody.
pub(super) fn uncalled(text: &str, is_many: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        out.push_str(before);
        out.push('@');
        let name: String =
            after.chars().take_while(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.')).collect();
        // Names end in a letter or digit; what follows belongs to the sentence.
        let name = name.trim_end_matches(['.', '-', '_']).to_lowercase();
        if !name.is_empty() && is_many(&name) {
            out.push(APART);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A text in which no address stands behind other words but those that may. Words and address are then shown one after the
/// other.
fn unlinked(text: &str, linked: &Linked) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([']', '<', '[']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let (sign, then) = after.split_at(1);
        out.push_str(match sign {
            // An address elsewhere in the text that the words stand for.
            "]" if then.starts_with(':') => "] ",
            "]" if then.starts_with('(') && !may_stand(then.get(1..).unwrap_or_default(), linked) => "] ",
            "<" if begins(then, "a") => "&lt;",
            "[" if begins(then, "url") || begins(then, "email") => "[ ",
            sign => sign,
        });
        rest = then;
    }
    out.push_str(rest);
    out
}

/// Whether a tag of this name begins, and nothing longer.
fn begins(text: &str, name: &str) -> bool {
    let head = text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    head && text
        .get(name.len()..)
        .is_some_and(|then| !then.starts_with(|sign: char| sign.is_alphanumeric() || sign == ']' || sign == '-'))
}

/// Whether the address that begins here may stand behind words: within the forum, or on a host that may.
fn may_stand(text: &str, linked: &Linked) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix('<').unwrap_or(text);
    let address = text.split(|sign: char| sign.is_whitespace() || matches!(sign, ')' | '>')).next().unwrap_or_default();
    // What is written in another way could be read as something else than it is here.
    if address.contains('\\') || address.contains('&') && address.contains(';') {
        return false;
    }
    (address.starts_with('/') && !address.starts_with("//")) || linked.allows(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> String {
        harmless(text, false, &Linked::named_in("discourse.post_message(text='[rule](https://rules.example/7)')"))
    }

    #[test]
    fn nobody_is_called_but_single_people_unless_the_policy_says_so() {
        for name in ["here", "ALL", "admins", "moderators", "staff", "trust_level_0"] {
            let text = format!("so (@{name}, and @ada).");
            let safe = made(&text);
            assert!(safe.contains(&format!("@{APART}{name}")) && safe.contains("@ada"), "{safe}");
            assert_eq!(made(&safe), safe);
            assert_eq!(harmless(&text, true, &Linked::default()), text);
        }
        let text = "@stewards @ada a@b.example @";
        assert_eq!(uncalled(text, |name| name == "stewards"), format!("@{APART}stewards @ada a@b.example @"));
    }

    #[test]
    fn an_address_hides_behind_other_words_only_where_the_policy_names_its_host_or_it_is_the_forums() {
        for text in
            ["[Rule 7](https://rules.example/7)", "[here](/t/7)", "https://evil.example", "a [b] (c) <abbr>", "[urls]"]
        {
            assert_eq!(made(text), text);
        }
        for (text, safe) in [
            ("[Confirm](https://evil.example)", "[Confirm] (https://evil.example)"),
            ("[Confirm]( <https://evil.example>)", "[Confirm] ( <https://evil.example>)"),
            ("[Confirm](//evil.example)", "[Confirm] (//evil.example)"),
            ("[x](https://rules.example@evil.example)", "[x] (https://rules.example@evil.example)"),
            ("[x](https://rules.example&#64;evil.example)", "[x] (https://rules.example&#64;evil.example)"),
            ("[Confirm][1]\n\n[1]: https://evil.example", "[Confirm][1]\n\n[1] : https://evil.example"),
            ("<A HREF=\"https://evil.example\">Confirm</a>", "&lt;A HREF=\"https://evil.example\">Confirm</a>"),
            ("[url=https://evil.example]Confirm[/url]", "[ url=https://evil.example]Confirm[/url]"),
        ] {
            assert_eq!(made(text), safe);
            assert_eq!(made(safe), safe, "made so once it stays so");
        }
    }

    #[test]
    fn what_is_written_literally_means_nothing() {
        let safe = literally("[*x*](https://evil.example) @here <b>");
        assert_eq!(safe, format!("\\[\\*x\\*\\]\\(https://evil.example\\) @{APART}here &lt;b\\>"));
    }
}
