//! Text from strangers, made harmless to look at: what would turn the reading direction of a line or steer a terminal is
//! spelt out instead. Escaping for HTML is the templates' own business; nothing here changes what is stored.

use std::{borrow::Cow, fmt::Write as _};

/// Whether a character changes how the text around it is shown: embeddings, overrides and isolates of the reading
/// direction (Unicode Annex 9), and control characters but tab and line feed.
fn steers(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The text with every such character spelt out, as `[U+202E]`.
pub(crate) fn spelt_out(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        if steers(c) {
            // Writing into a string cannot fail.
            let _ = write!(shown, "[U+{:04X}]", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_the_reading_direction_or_steers_a_terminal_is_spelt_out() {
        assert_eq!(spelt_out("\u{202e}evil"), "[U+202E]evil");
        assert_eq!(spelt_out("a\u{2067}b\u{1b}[2Jc\r"), "a[U+2067]b[U+001B][2Jc[U+000D]");
    }

    #[test]
    fn text_in_any_script_stays_as_it_is() {
        for text in ["plain\n\ttext", "שלום עולם", "سلام", "żółć 👩\u{200d}🌾"] {
            assert!(matches!(spelt_out(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
