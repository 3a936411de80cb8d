//! Names of rules, roles and documents: which of them people cannot tell apart, and how they are shown within a sentence.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Letters of other scripts, each with the Latin one that it looks like, after normalisation and in lower case.
const TWINS: [(char, char); 46] = [
    // Cyrillic.
    ('а', 'a'),
    ('в', 'b'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('к', 'k'),
    ('ӏ', 'l'),
    ('м', 'm'),
    ('н', 'h'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('ѕ', 's'),
    ('т', 't'),
    ('у', 'y'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('х', 'x'),
    // Greek.
    ('α', 'a'),
    ('ε', 'e'),
    ('η', 'n'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('ν', 'v'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('τ', 't'),
    ('υ', 'u'),
    ('χ', 'x'),
    // Latin.
    ('ı', 'i'),
    ('ɡ', 'g'),
    ('ᴀ', 'a'),
    ('ʙ', 'b'),
    ('ᴄ', 'c'),
    ('ᴅ', 'd'),
    ('ᴇ', 'e'),
    ('ʜ', 'h'),
    ('ɪ', 'i'),
    ('ᴍ', 'm'),
    ('ɴ', 'n'),
    ('ᴏ', 'o'),
    ('ʀ', 'r'),
    ('ᴛ', 't'),
];

/// From how many spaces on within a line they are counted rather than shown.
const MANY: usize = 4;

/// Capitals whose small letter looks like another Latin one than they do.
const CAPITALS: [(char, char); 6] = [('Β', 'B'), ('Ζ', 'Z'), ('Η', 'H'), ('Μ', 'M'), ('Ν', 'N'), ('Υ', 'Y')];

/// Marks by which nobody tells two names apart.
const SLIGHT: [char; 14] = ['.', ',', '\'', '"', '`', '´', 'ʼ', 'ʹ', '‘', '’', '“', '”', '„', '·'];

/// What a name is compared by: two names with the same key are the same to whoever reads them. Case, white space, slight
/// marks, what cannot be seen, how letters are put together, and letters that look like others make no difference.
pub fn look(name: &str) -> String {
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(name);
    let normal: String = normal.chars().filter(|c| !SLIGHT.contains(c)).map(capital).collect();
    let spaced = normal.to_lowercase().chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect::<String>();
    let lower: String = spaced.chars().filter(|c| !is_unseen(*c)).map(twin).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one of these names that people would take `wanted` for, of whatever but `own`. None where `own` is called like that
/// already: what has been alike all along can be changed as it is.
pub fn clash<'a, I: Copy + PartialEq>(names: &'a [(I, String)], own: Option<I>, wanted: &str) -> Option<&'a str> {
    let wanted = look(wanted);
    let (mut own_names, others): (Vec<_>, Vec<_>) = names.iter().partition(|(id, _)| Some(*id) == own);
    own_names.retain(|(_, name)| look(name) == wanted);
    if !own_names.is_empty() {
        return None;
    }
    others.into_iter().find(|(_, name)| look(name) == wanted).map(|(_, name)| name.as_str())
}

fn capital(c: char) -> char {
    CAPITALS.iter().find(|(foreign, _)| *foreign == c).map_or(c, |(_, latin)| *latin)
}

fn twin(c: char) -> char {
    TWINS.iter().find(|(foreign, _)| *foreign == c).map_or(c, |(_, latin)| *latin)
}

/// Whether a letter is nothing to see, so that it makes no difference between names.
const fn is_unseen(c: char) -> bool {
    is_misleading(c)
        || matches!(
            c,
            // Joiners and selectors of variants: parts of signs and of scripts that need them.
            '\u{200C}' | '\u{200D}' | '\u{034F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Whether a letter has no place in a name: it cannot be seen, breaks the line or turns the direction of what follows.
pub(super) const fn is_misleading(c: char) -> bool {
    c.is_ascii_control()
        || matches!(
            c,
            '\u{0080}'..='\u{009F}'
                | '\u{00AD}'
                | '\u{061C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180E}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
        )
}

/// A text in which what cannot be seen, or turns the direction of what follows, is written out. Lines and tabs stay.
pub fn spelled_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_misleading(c) && !matches!(c, '\n' | '\r' | '\t') {
            out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// A line for those who compare it with another: besides what cannot be seen, letters that look like others of the same word
/// are written out, and many spaces in a row are counted, so that nothing stands where nobody looks.
pub fn told_apart(line: &str) -> String {
    let line = spelled_out(line);
    let indent = line.len() - line.trim_start().len();
    let (indent, rest) = line.split_at(indent);
    let mut out = indent.to_owned();
    let is_space = |c: char| c.is_whitespace();
    let mut left = rest;
    while let Some(first) = left.chars().next() {
        let end = left.find(|c: char| is_space(c) != is_space(first)).unwrap_or(left.len());
        let (part, after) = left.split_at(end);
        let spaces = part.chars().count();
        if is_space(first) && (spaces >= MANY || after.is_empty()) {
            out.push_str(&if spaces == 1 { "⟨space⟩".to_owned() } else { format!("⟨{spaces} spaces⟩") });
        } else {
            for word in part.split_inclusive(|c: char| !c.is_alphanumeric()) {
                let is_latin = word.chars().any(|c| c.is_ascii_alphabetic());
                for c in word.chars() {
                    out.push(c);
                    if is_latin && (twin(c) != c || capital(c) != c) {
                        out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
                    }
                }
            }
        }
        left = after;
    }
    out
}

/// A name as it stands within a sentence, between marks: nothing of it can look like the sentence around it, nor be taken for
/// the notation in which a platform writes links, mentions and hidden text.
pub(super) fn shown(name: &str) -> String {
    let seen: String = name
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_misleading(*c))
        .map(|c| if matches!(c, '“' | '”' | '„' | '‟' | '«' | '»' | '"') { '\'' } else { c })
        .collect();
    let plain = seen.replace('<', "‹").replace('>', "›").replace('|', "¦").replace("](", "] (");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_cannot_tell_apart_are_the_same() {
        let name = "No spoilers";
        for other in [
            "no SPOILERS",
            " No \u{00A0} spoilers ",
            "No\tspoilers",
            "No sp\u{200B}oilers",
            "No\u{202E} spoilers\u{202C}",
            "No spoilers\u{FE0F}",
            "Nо spоilеrs",
            "Νo spoilers",
            "No spᴏilers.",
            "No spoilersʼ",
            "Ｎｏ ｓｐｏｉｌｅｒｓ",
        ] {
            assert_eq!(look(other), look(name), "{other:?}");
        }
        assert_eq!(look("Cafe\u{301}"), look("Café"));
        for other in ["No spoiler", "Nospoilers", "No spoilers 2", "Café"] {
            assert_ne!(look(other), look(name), "{other:?}");
        }
        assert_ne!(look("Cafe"), look("Café"), "this can be seen");
    }

    #[test]
    fn a_name_within_a_sentence_cannot_go_on_with_the_sentence() {
        assert_eq!(shown("A” and call it “B"), "A' and call it 'B");
        assert_eq!(shown("one\n two\u{202E}\u{200B}"), "one two");
        assert_eq!(shown("<https://a.example|No spoilers>"), "‹https://a.example¦No spoilers›");
        assert_eq!(
            shown("[No spoilers](https://a.example) ||hidden||"),
            "[No spoilers] (https://a.example) ¦¦hidden¦¦"
        );
    }

    #[test]
    fn a_name_clashes_with_that_of_another_unless_it_was_so_all_along() {
        let names = [(1, "Votes".to_owned()), (2, "Chat".to_owned()), (3, "votes".to_owned())];
        assert_eq!(clash(&names, None, "VOTES"), Some("Votes"));
        assert_eq!(clash(&names, Some(2), " votes "), Some("Votes"));
        assert_eq!(clash(&names, Some(2), "chat"), None);
        assert_eq!(clash(&names, Some(3), "Votes"), None, "they were alike before");
        assert_eq!(clash(&names, Some(9), "chat"), Some("Chat"), "who comes back finds the name taken");
        assert_eq!(clash(&names, None, "Vote"), None);
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(spelled_out("return\tPASSED\n"), "return\tPASSED\n");
        assert_eq!(spelled_out("a\u{202E}b\u{200B}c\u{7}"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0007⟩");
    }

    #[test]
    fn nothing_hides_at_the_end_of_a_line_or_in_a_letter() {
        let far = format!("    return 'jackpot' in text{}or True", " ".repeat(150));
        assert_eq!(told_apart(&far), "    return 'jackpot' in text⟨150 spaces⟩or True");
        assert_eq!(told_apart("'jackpоt'"), "'jackpо⟨U+043E⟩t'");
        assert_eq!(told_apart("a  b "), "a  b⟨space⟩");
        for plain in ["    if x == 'привет, café':", "", "  "] {
            assert_eq!(told_apart(plain.trim_end()), plain.trim_end());
        }
    }

    #[test]
    fn every_twin_is_looked_up_as_it_is_written() {
        for (foreign, latin) in TWINS {
            assert_eq!(look(&foreign.to_string()), latin.to_string(), "{foreign}");
        }
    }
}
