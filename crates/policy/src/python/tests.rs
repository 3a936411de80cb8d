use policykit_core::policy::{OnError, PolicyKind};

use super::*;

const RENAMES: &str = r#"# /// policy
# name = "Renames are voted on"
# kind = "platform"
# description = "Three of us have to agree."
# action_types = ["slackrenameconversation"]
# ///


def filter():
    # Only channels that matter.
    return action.channel in [
        "C1",
        "C2",
    ]


def check():
    text = """
not indented
  at all
"""
    if proposal.get_yes_votes().count() > 2:

        return PASSED
"#;

fn problem(text: &str) -> String {
    from_python(text).map_or_else(|e| e.to_string(), |_| "nothing is wrong".to_owned())
}

#[test]
fn blocks_are_plain_functions_and_texts_keep_their_margin() {
    let file = from_python(RENAMES).unwrap();
    assert_eq!(file.draft.name, "Renames are voted on");
    assert_eq!(file.draft.on_error, OnError::Hold);
    assert_eq!(
        file.draft.blocks.filter,
        "# Only channels that matter.\nreturn action.channel in [\n    \"C1\",\n    \"C2\",\n]"
    );
    assert_eq!(
        file.draft.blocks.check,
        "text = \"\"\"\nnot indented\n  at all\n\"\"\"\nif proposal.get_yes_votes().count() > 2:\n\n    return PASSED"
    );
    assert_eq!(to_python(&file.draft), RENAMES);
}

#[test]
fn places_in_a_block_are_found_in_the_file() {
    let file = from_python(RENAMES).unwrap();
    assert_eq!(file.place(Block::Check, 5, 4), Some((22, 8)));
    assert_eq!(file.place(Block::Check, 2, 1), Some((19, 1)));
    assert_eq!(file.place(Block::Notify, 1, 1), None);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with = |from: &str, to: &str| {
        assert!(RENAMES.contains(from), "{from}");
        problem(&RENAMES.replacen(from, to, 1))
    };
    assert!(with("# kind = \"platform\"", "# kind = \"platfrom\"").starts_with("line 3, column 10: "));
    assert!(with("# kind", "# knid").contains("`knid`"));
    assert!(with("# ///\n\n", "\n\n").contains("not closed"));
    assert!(with("def filter():", "def filtre():").starts_with("line 9, column 1: `filtre` is no block"));
    assert!(with("def filter():", "def filter(x):").contains("without parameters"));
    assert!(with("\n\ndef check", "\n# lost\n\ndef check").starts_with("line 16, column 1: this stands outside"));
    assert!(with("\n\ndef check", "\nx = 1\n\ndef check").contains("only the six blocks"));
    assert!(with("def check", "def filter").contains("twice"));
    assert!(with("return PASSED", "return (").contains("line 2"), "{}", with("return PASSED", "return ("));
    assert!(problem("def check():\n    return PASSED\n").contains("begins with a header"));
}

#[test]
fn what_is_no_function_stands_in_the_header() {
    let mut draft = from_python(RENAMES).unwrap().draft;
    draft.blocks.notify = "# nothing yet".to_owned();
    draft.blocks.fail = "if x\n  ///\n///".to_owned();
    draft.description = "a\n///\nb".to_owned();
    (draft.kind, draft.on_error) = (PolicyKind::Trigger, OnError::Next);
    let text = to_python(&draft);
    assert!(!text.contains("def notify") && text.contains("nothing yet"), "{text}");
    assert_eq!(from_python(&text).unwrap().draft, draft);
}
