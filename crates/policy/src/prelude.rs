//! What the interpreter lacks, written in the policy language itself; a block gets only the pieces it uses.

use std::{collections::BTreeSet, sync::LazyLock};

/// Modules the interpreter has; imported when the block names them.
const NATIVE_MODULES: &[&str] = &["datetime", "base64", "itertools", "json", "math", "re"];

/// The pieces, each under a line with its name. A piece may use others by their names.
const FILES: &[&str] = &[
    include_str!("prelude/values.py"),
    include_str!("prelude/numbers.py"),
    include_str!("prelude/iteration.py"),
    include_str!("prelude/moments.py"),
    include_str!("prelude/host.py"),
    include_str!("prelude/modules.py"),
];

/// A name, the source that goes with it, and the names of other pieces that this may use.
struct Piece {
    name: &'static str,
    source: &'static str,
    uses: BTreeSet<&'static str>,
}

/// What begins the line with a piece's name.
const HEADING: &str = "#: ";

static PIECES: LazyLock<Vec<Piece>> = LazyLock::new(|| {
    let mut pieces = Vec::new();
    for part in FILES.iter().flat_map(|file| file.split(HEADING).skip(1)) {
        let Some((name, source)) = part.split_once('\n') else { continue };
        pieces.push(Piece { name, source: source.trim_end(), uses: uses(source).collect() });
    }
    pieces
});

/// The names in a source: its words, but for those that follow a dot.
fn uses(source: &str) -> impl Iterator<Item = &str> {
    let start = source.as_ptr().addr();
    words(source).filter(move |word| {
        let at = word.as_ptr().addr().saturating_sub(start);
        !source.get(..at).is_some_and(|before| before.ends_with('.'))
    })
}

/// The pieces with these names, and the pieces those name.
pub(crate) fn for_names(names: &BTreeSet<String>) -> String {
    let mut names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut chosen = BTreeSet::new();
    loop {
        let more: Vec<usize> = PIECES
            .iter()
            .enumerate()
            .filter(|(i, piece)| !chosen.contains(i) && names.contains(piece.name))
            .map(|(i, _)| i)
            .collect();
        if more.is_empty() {
            break;
        }
        for index in more {
            chosen.insert(index);
            if let Some(piece) = PIECES.get(index) {
                names.extend(&piece.uses);
            }
        }
    }
    let mut text = String::new();
    for module in NATIVE_MODULES.iter().filter(|m| names.contains(**m)) {
        text.push_str("import ");
        text.push_str(module);
        text.push('\n');
    }
    for piece in chosen.iter().filter_map(|i| PIECES.get(*i)) {
        text.push_str(piece.source);
        text.push('\n');
    }
    text
}

/// The words of a text of code, whether they are names or not.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> String {
        for_names(&names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_block_gets_only_what_it_uses() {
        assert_eq!(of(&["x"]), "");
        let code = of(&["_pk_count", "x", "PASSED"]);
        assert!(code.contains("def _pk_count") && code.contains("PASSED =") && !code.contains("random"));
    }

    #[test]
    fn a_piece_brings_the_pieces_it_uses() {
        let code = of(&["max", "x"]);
        assert!(code.contains("def sorted") && code.contains("def max"));
    }
}
