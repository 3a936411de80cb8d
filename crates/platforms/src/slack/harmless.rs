//! What a policy writes, without what somebody else may have put into it: Slack's notation for calling everybody, and for an
//! address behind other words.
//!
//! Policies quote what people wrote, such as the name of a guideline, and the bot posts it with its own standing. So nobody
//! is called by a text unless the policy says so beside it, and an address is hidden only where the policy itself, this
//! workspace or nobody but the reader would be the one to hide it.

use policykit_core::JsonMap;
use serde_json::Value;

use crate::{platform::PlanContext, quoted::Linked};

/// The argument by which a policy says that a text may call everybody.
pub(super) const CALLS: &str = "mentions_everybody";
/// Arguments that are compared with what people choose later, and so stay what they are; they are shown with care instead.
const CHOICES: [&str; 2] = ["options", "candidates"];
/// What Slack writes before an address that somebody only typed.
const SCHEMES: [&str; 4] = ["https://", "http://", "mailto:", "tel:"];

/// Whether a text may call everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calling {
    /// The policy says so.
    Meant,
    /// It does not.
    Not,
}

/// The arguments of a policy's call as they may be sent.
pub(super) fn arguments(args: &JsonMap, context: &PlanContext<'_>) -> JsonMap {
    let calling = if args.get(CALLS) == Some(&Value::Bool(true)) { Calling::Meant } else { Calling::Not };
    let linked = Linked::by(context);
    let own = |(name, value): (&String, &Value)| {
        let value = if CHOICES.contains(&name.as_str()) { value.clone() } else { inside(value, calling, &linked) };
        (name.clone(), value)
    };
    args.iter().map(own).collect()
}

fn inside(value: &Value, calling: Calling, linked: &Linked) -> Value {
    match value {
        Value::String(text) => Value::String(harmless(text, calling, linked)),
        Value::Array(items) => items.iter().map(|item| inside(item, calling, linked)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), inside(value, calling, linked))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A choice, or something else of which the policy's words are not known any more, as it may be shown.
pub(super) fn shown(text: &str) -> String {
    harmless(text, Calling::Not, &Linked::default())
}

/// A text in which no sign means anything.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text in Slack's notation as it may be sent.
pub(super) fn harmless(text: &str, calling: Calling, linked: &Linked) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        // No further than to the next beginning, so that many of them cost no more than their text is long.
        match after.find(['<', '>']).map(|end| after.split_at(end)) {
            Some((token, then)) if then.starts_with('>') => {
                put(&mut out, token, calling, linked);
                rest = then.get(1..).unwrap_or_default();
            }
            _ => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What stands between the signs, with them where they stay.
fn put(out: &mut String, token: &str, calling: Calling, linked: &Linked) {
    if let Some(special) = token.strip_prefix('!') {
        match (date(special), calling) {
            (Some((date, address, words)), _) => {
                let address = address.filter(|address| linked.allows(address));
                let address = address.map(|address| format!("^{address}")).unwrap_or_default();
                out.push_str(&format!("<!{date}{address}{words}>"));
            }
            (None, Calling::Meant) => out.push_str(&format!("<!{special}>")),
            (None, Calling::Not) => out.push_str(&format!("&lt;!{special}&gt;")),
        }
        return;
    }
    match token.split_once('|') {
        Some((address, words))
            if !token.starts_with(['@', '#'])
                && !words.trim().is_empty()
                && !is_typed(address, words)
                && !linked.allows(address) =>
        {
            out.push_str(&format!("{words} (<{address}>)"));
        }
        _ => out.push_str(&format!("<{token}>")),
    }
}

/// A moment: how it is shown, the address behind it, and the words for whoever cannot show it.
fn date(special: &str) -> Option<(String, Option<&str>, String)> {
    let (date, words) = special.split_once('|').map_or((special, None), |(date, words)| (date, Some(words)));
    let mut parts = date.split('^');
    let (kind, moment, form) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = kind == "date" && moment.bytes().all(|byte| byte.is_ascii_digit());
    let address = parts.next();
    (is_date && parts.next().is_none()).then(|| {
        (format!("{kind}^{moment}^{form}"), address, words.map(|words| format!("|{words}")).unwrap_or_default())
    })
}

/// Whether the words are the address as somebody typed it.
fn is_typed(address: &str, words: &str) -> bool {
    address == words || SCHEMES.iter().any(|scheme| address.strip_prefix(scheme) == Some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked() -> Linked {
        let code = "slack.post_message(text=f'<https://Rules.example/{n}|here> and <http://a:b@told.example/|x>')";
        Linked::named_in(&format!("{code} https://team.slack.com"))
    }

    fn made(text: &str) -> String {
        harmless(text, Calling::Not, &linked())
    }

    #[test]
    fn nobody_is_called_unless_the_policy_says_so() {
        for special in
            ["!channel", "!here", "!everyone", "!CHANNEL", "!subteam^S1", "!subteam^S1|@all", "!channel|you", "!x"]
        {
            let text = format!("a <{special}> b");
            assert_eq!(made(&text), format!("a &lt;{special}&gt; b"));
            assert_eq!(harmless(&text, Calling::Meant, &linked()), text);
        }
        assert_eq!(made("<<!channel>"), "<&lt;!channel&gt;", "what begins twice begins");
        assert_eq!(made("<!chan\nnel>"), "&lt;!chan\nnel&gt;");
    }

    #[test]
    fn people_channels_moments_and_what_somebody_typed_stay() {
        for text in [
            "<@U1> in <#C1|tea>, <@U2|https://evil.example>",
            "<!date^1700000000^{date_short}|a day>",
            "<https://x.example> <http://y.example|y.example> <mailto:a@x.example|a@x.example>",
            "1 &lt; 2 &amp;&amp; 3 &gt; 2",
            "a < b, c > d, <!channel",
            "<https://x.example|>",
            "<>",
            "",
            "ä<ö>",
        ] {
            assert_eq!(made(text), text);
        }
    }

    #[test]
    fn an_address_hides_behind_other_words_only_where_the_policy_or_the_workspace_names_its_host() {
        for text in [
            "<https://rules.example/7|Rule 7>",
            "<https://RULES.example:8443/?q|Rule 7>",
            "<https://team.slack.com/archives/C1/p1|the vote>",
        ] {
            assert_eq!(made(text), text);
        }
        for (text, shown) in [
            ("<https://evil.example|Confirm>", "Confirm (<https://evil.example>)"),
            ("<https://rules.example.evil.example|Confirm>", "Confirm (<https://rules.example.evil.example>)"),
            ("<https://rules.example@evil.example|Confirm>", "Confirm (<https://rules.example@evil.example>)"),
            ("<https://told.example|Confirm>", "Confirm (<https://told.example>)"),
            (
                "<https://evil.example/?good.example|good.example>",
                "good.example (<https://evil.example/?good.example>)",
            ),
            ("<mailto:a@evil.example|the steward>", "the steward (<mailto:a@evil.example>)"),
            ("<rules.example|Confirm>", "Confirm (<rules.example>)"),
            ("<!date^1^Confirm^https://evil.example|x>", "<!date^1^Confirm|x>"),
            ("<!date^1^Rule 7^https://rules.example/7|x>", "<!date^1^Rule 7^https://rules.example/7|x>"),
            ("<!date^1^a^b^c|x>", "&lt;!date^1^a^b^c|x&gt;"),
        ] {
            assert_eq!(made(text), shown);
            assert_eq!(made(shown), shown, "made so once it stays so");
        }
        assert_eq!(shown("<https://rules.example/7|Rule 7>"), "Rule 7 (<https://rules.example/7>)");
    }

    #[test]
    fn what_is_written_literally_means_nothing() {
        let name = "<!channel> & <https://evil.example|you>";
        assert_eq!(escaped(name), "&lt;!channel&gt; &amp; &lt;https://evil.example|you&gt;");
        assert_eq!(made(&escaped(name)), escaped(name));
    }

    #[test]
    fn a_very_long_text_costs_no_more_than_its_length() {
        for piece in ["<https://evil.example|x>", "<!channel>", "<", "<<!", "<a|", "|>", "&lt;"] {
            let text = piece.repeat(100_000 / piece.len());
            let once = made(&text);
            assert!(!once.contains("<!channel>") && !once.contains("example|"), "{piece}");
            assert_eq!(made(&once), once, "{piece}");
        }
    }
}
