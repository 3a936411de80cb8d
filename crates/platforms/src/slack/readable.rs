//! What people wrote as they read it: Slack keeps mentions, links and three signs in a notation of its own.

use crate::platform::{Mention, Names};

/// The text with names for what is mentioned; what nobody knows keeps its id.
pub(super) fn readable(text: &str, names: &Names<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(&plain(before));
        // A sign that somebody typed is kept as `&lt;`; one that nothing ends was cut off.
        // Looked for no further than to the next beginning, so that many of them cost no more than their text is long.
        match after.find(['<', '>']).map(|end| after.split_at(end)) {
            Some((inside, then)) if then.starts_with('>') => {
                out.push_str(&told(inside, names));
                rest = then.get(1..).unwrap_or_default();
            }
            _ => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(&plain(rest));
    out
}

/// Whether two texts say the same, whatever notation each of them is in.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// What a text mentions.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let tokens = text.split('<').skip(1).filter_map(|part| part.split_once('>'));
    tokens.filter_map(|(inside, _)| mention(inside)).collect()
}

/// What is mentioned between the signs, if somebody or something that has an id.
fn mention(inside: &str) -> Option<Mention> {
    let id = |rest| Some(parts(rest).0).filter(|id: &&str| !id.is_empty()).map(str::to_owned);
    match inside.split_at_checked(1)? {
        ("@", rest) => id(rest).map(Mention::Account),
        ("#", rest) => id(rest).map(Mention::Channel),
        _ => None,
    }
}

/// What stands between the signs.
fn told(inside: &str, names: &Names<'_>) -> String {
    let (kind, rest) = inside.split_at(inside.chars().next().map_or(0, char::len_utf8));
    let (id, label) = parts(rest);
    let name = || mention(inside).and_then(|mention| names(&mention));
    match kind {
        sign @ ("@" | "#") => format!("{sign}{}", name().or_else(|| label.map(plain)).unwrap_or_else(|| id.to_owned())),
        // Everybody here, a group of people, a date: with words for whoever cannot show it.
        "!" => label.map_or_else(|| format!("@{}", id.split('^').next().unwrap_or(id)), plain),
        _ => match parts(inside) {
            // Words of their own beside the address: whoever reads them sees where they lead.
            (address, Some(label)) if !address.ends_with(label) => format!("{} ({})", plain(label), plain(address)),
            (address, _) => plain(address.strip_prefix("mailto:").unwrap_or(address)),
        },
    }
}

/// An id or address, and the words after it where it has any.
fn parts(inside: &str) -> (&str, Option<&str>) {
    match inside.split_once('|') {
        Some((id, label)) => (id, Some(label).filter(|label| !label.is_empty())),
        None => (inside, None),
    }
}

/// The three signs that are kept in a notation of their own.
fn plain(text: &str) -> String {
    // The ampersand last: `&amp;lt;` is what somebody typed as `&lt;`.
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        readable(text, &|mention| match mention {
            Mention::Account(id) => (id == "U1").then(|| "Ama Owusu".to_owned()),
            Mention::Channel(id) => (id == "C7").then(|| "allotments".to_owned()),
        })
    }

    #[test]
    fn whoever_is_mentioned_is_named() {
        assert_eq!(read("<@U1> and <@U1|ama>, see <@U2> or <@U3|bob>"), "@Ama Owusu and @Ama Owusu, see @U2 or @bob");
        let account = |id: &str| Mention::Account(id.to_owned());
        assert_eq!(
            mentions("<@U1> hi <@U2|bob> <#C1|tea> <https://x.example|@U3> <@> <#> <ä> <@U4"),
            [account("U1"), account("U2"), Mention::Channel("C1".to_owned())]
        );
    }

    #[test]
    fn channels_groups_dates_and_links_say_what_people_see() {
        assert_eq!(read("in <#C1|tea> or <#C2>"), "in #tea or #C2");
        assert_eq!(read("<#C7> was <#C7|plots>"), "#allotments was #allotments", "by the name it has now");
        assert_eq!(read("<!here> <!subteam^S1|@stewards> <!date^1^{date}|Monday>"), "@here @stewards Monday");
        assert_eq!(
            read(
                "<https://x.example> <https://x.example|there> <http://y.example|y.example> <mailto:a@x.example|a@x.example>"
            ),
            "https://x.example there (https://x.example) http://y.example a@x.example"
        );
    }

    #[test]
    fn what_somebody_typed_stays_what_they_typed() {
        assert_eq!(read("1 &lt; 2 &amp;&amp; 3 &gt; 2, &amp;lt;"), "1 < 2 && 3 > 2, &lt;");
        assert_eq!(read("&lt;@U1&gt;"), "<@U1>", "a mention that somebody only wrote down");
        for cut in ["<@U1", "a < b", "<<@U1>", "<>", "", "<@", "ä<ö"] {
            let _ = (read(cut), mentions(cut));
        }
        assert_eq!(read("cut off <@U"), "cut off <@U");
        assert_eq!(read("<<@U1>"), "<@Ama Owusu");
    }
}
