//! The mark that a post of ours carries: a remark at its end, which a forum keeps in what was written and shows to nobody.

/// What begins it.
const BEFORE: &str = "<!-- policykit ";
/// What ends it.
const AFTER: &str = " -->";

/// A text with the mark of a call.
pub(super) fn marked(text: &str, call: &str) -> String {
    format!("{}\n\n{BEFORE}{call}{AFTER}", text.trim_end())
}

/// Whether a text carries the mark of this call.
pub(super) fn carries(text: &str, call: &str) -> bool {
    text.contains(&format!("{BEFORE}{call}{AFTER}"))
}

/// A text without marks of ours, as people read it.
pub(super) fn without(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEFORE) {
        let Some((_, then)) = after.split_once(AFTER) else { break };
        out.push_str(before.trim_end());
        rest = then;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_and_not_read() {
        let text = marked("Hello\n", "0198");
        assert!(carries(&text, "0198") && !carries(&text, "0199") && !carries("0198", "0198"));
        assert_eq!(without(&text), "Hello");
        for text in ["", "a <!-- policykit", "<!-- another -->"] {
            assert_eq!(without(text), text);
        }
    }
}
