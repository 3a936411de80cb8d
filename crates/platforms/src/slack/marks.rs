//! Slack's marks for bold, slanted, struck and fixed-width words, and a text without them.

/// What stands around words to mark them, as long as it does not stand within one.
const MARKS: [char; 3] = ['*', '_', '~'];
const FENCE: &str = "```";

/// The text without marks. What is mentioned, and what is marked as code, keeps every sign: there they mean nothing.
pub(super) fn without(text: &str) -> String {
    let mut out = Plain::default();
    let mut rest = text;
    let (mut fences, mut ticks) = (true, true);
    while let Some(next) = rest.chars().next() {
        if fences && let Some(inside) = rest.strip_prefix(FENCE) {
            if let Some((code, after)) = inside.split_once(FENCE) {
                out.keep(code.trim_matches('\n'));
                rest = after;
                continue;
            }
            // None ends it, and so none ends any that follow: looked for once, however many there are.
            fences = false;
        }
        if next == '`' && ticks {
            let inside = rest.get(1..).unwrap_or_default();
            match inside.find(['`', '\n']).map(|end| inside.split_at(end)) {
                Some((code, after)) if !code.is_empty() && after.starts_with('`') => {
                    out.keep(code);
                    rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                Some(_) => {}
                None => ticks = false,
            }
        }
        if next == '<' {
            let inside = rest.get(1..).unwrap_or_default();
            if let Some(end) =
                inside.find(['<', '>']).filter(|end| inside.get(*end..).is_some_and(|end| end.starts_with('>')))
            {
                let (mention, after) = rest.split_at(end + 2);
                out.keep(mention);
                rest = after;
                continue;
            }
        }
        let (_, after) = rest.split_at(next.len_utf8());
        out.sign(next, after.chars().next());
        rest = after;
    }
    out.text()
}

/// What was read so far.
#[derive(Default)]
struct Plain {
    /// Every sign, and whether it stays.
    signs: Vec<(char, bool)>,
    /// Where each of the marks was opened last.
    open: [Option<usize>; MARKS.len()],
}

impl Plain {
    /// What is no text to be marked.
    fn keep(&mut self, text: &str) {
        self.signs.extend(text.chars().map(|sign| (sign, true)));
    }

    /// A sign of the text, and the one after it.
    fn sign(&mut self, sign: char, after: Option<char>) {
        let here = self.signs.len();
        let before = self.signs.last().map(|(before, _)| *before);
        self.signs.push((sign, true));
        if sign == '\n' {
            self.open = [None; MARKS.len()];
        }
        let Some(opened) = MARKS.iter().position(|mark| *mark == sign).and_then(|mark| self.open.get_mut(mark)) else {
            return;
        };
        let is_gap = |sign: Option<char>| sign.is_none_or(char::is_whitespace);
        let is_word = |sign: Option<char>| sign.is_some_and(char::is_alphanumeric);
        let is_double = |beside: Option<char>| beside == Some(sign);
        match *opened {
            _ if is_double(before) || is_double(after) => {}
            Some(start) if start + 1 < here && !is_gap(before) && !is_word(after) => {
                for at in [start, here] {
                    if let Some((_, stays)) = self.signs.get_mut(at) {
                        *stays = false;
                    }
                }
                *opened = None;
            }
            None if !is_word(before) && !is_gap(after) => *opened = Some(here),
            _ => {}
        }
    }

    fn text(self) -> String {
        self.signs.into_iter().filter(|(_, stays)| *stays).map(|(sign, _)| sign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn marks_around_words_go_and_the_words_stay() {
        for (marked, plain) in [
            ("*Shall* it _really_ be ~so~?", "Shall it really be so?"),
            ("(*bold*), *two words*.", "(bold), two words."),
            ("*_both_* and _*both*_", "both and both"),
            ("use `a*b*c` or ```\nx_y_z *w*\n``` now", "use a*b*c or x_y_z *w* now"),
            ("*<@U_1_a|x_y_>* &amp; *b*", "<@U_1_a|x_y_> &amp; b"),
            ("*bold*\n*and* below", "bold\nand below"),
            ("*ä*ö *ä*", "ä*ö *ä"),
        ] {
            assert_eq!(without(marked), plain, "{marked}");
        }
    }

    #[test]
    fn what_marks_nothing_stays_as_it_is() {
        for text in [
            "",
            "*",
            "**",
            "***",
            "2 * 3 * 4",
            "snake_case_name",
            "* a list",
            "*a\nb*",
            "a* b *c",
            "`",
            "``",
            "``` open",
            "`open *",
            "<",
            "<@U1",
            "1 &lt; 2",
            "_ _",
            "f(*args)",
            "C:_x",
            "<<*>",
            "__init__",
            "**no**",
        ] {
            assert_eq!(without(text), text);
        }
    }

    #[test]
    fn very_many_marks_take_no_longer_than_their_text() {
        for sign in ["*a ", "`", "```a", "<", "_", "~a", "*a* ", "`a\n"] {
            let text = sign.repeat(400_000 / sign.len());
            assert!(without(&text).len() <= text.len());
        }
    }
}
