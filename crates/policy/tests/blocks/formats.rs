//! Policies in files: the same policy, whichever way it went.

use policykit_core::policy::{Block, Blocks, OnError, PolicyDraft, PolicyKind};
use policykit_policy::{from_policykit_json, from_python, to_policykit_json, to_python};
use proptest::prelude::*;
use serde_json::Value;

/// Blocks as people write them, and such as nobody would.
fn source() -> impl Strategy<Value = String> {
    let line = proptest::sample::select(vec![
        "return PASSED",
        "x = 1",
        "if x:\n    return FAILED",
        "if x:\n  y = 2\n\n  z = 3\nelse:\n\tpass",
        "text = \"\"\"one\n two\n   three\n\"\"\"",
        "text = f'''\n{x}\n# no comment\n'''",
        "y = (\n  1 +\n2\n)",
        "y = ['a',\n'b' # c\n]",
        "z = ('a'\n  'b'\n'c')",
        "# only said",
        "    # further right",
        "",
        "   ",
        "def f(a):\n    return a",
        "x = 'a\\\n  b'",
        "x = 1 + \\\n  2",
        "return (",
        "'''",
        "é = '日本'",
        "# ///",
        "///",
        "x = 1   ",
    ]);
    prop_oneof![
        proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n")),
        "[ -~\n\t]{0,40}",
        Just(String::new()),
    ]
}

fn draft() -> impl Strategy<Value = PolicyDraft> {
    let kind = proptest::sample::select(vec![PolicyKind::Platform, PolicyKind::Constitution, PolicyKind::Trigger]);
    let on_error = proptest::sample::select(vec![OnError::Hold, OnError::HoldReverted, OnError::Next, OnError::Fail]);
    let text = prop_oneof!["[ -~é日\n\"'\\\\]{0,40}", Just("a\n///\nb".to_owned())];
    (
        kind,
        "[!-~é]{1,20}",
        text,
        proptest::collection::vec("[a-z.]{1,12}", 1..3),
        on_error,
        source(),
        source(),
        source(),
    )
        .prop_map(|(kind, name, description, action_types, on_error, filter, check, notify)| PolicyDraft {
            kind,
            name,
            description,
            action_types,
            blocks: Blocks { filter, check, notify, ..Blocks::default() },
            on_error,
        })
}

/// As it is kept: without blank lines and blanks at the end of a block.
fn kept(mut draft: PolicyDraft) -> PolicyDraft {
    for block in [&mut draft.blocks.filter, &mut draft.blocks.check, &mut draft.blocks.notify] {
        *block = block.trim_end().to_owned();
    }
    draft
}

proptest! {
    #[test]
    fn every_policy_comes_back_from_our_format(draft in draft()) {
        let text = to_python(&draft);
        let read = from_python(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        prop_assert_eq!(&read.draft, &kept(draft), "{}", text);
        prop_assert_eq!(to_python(&read.draft), text, "it is always written the same");
    }

    #[test]
    fn every_policy_comes_back_from_the_original_format(mut draft in draft()) {
        draft.description = draft.description.trim().to_owned();
        prop_assert_eq!(from_policykit_json(&to_policykit_json(std::slice::from_ref(&draft))).unwrap(), vec![draft]);
    }

    #[test]
    fn reading_any_text_ends_with_a_policy_or_with_a_place(text in "(# /// policy\n)?[ -~\n]{0,200}") {
        if let Err(error) = from_python(&text) {
            prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1) + 1);
        }
    }

    #[test]
    fn every_place_in_a_block_is_the_same_character_in_the_file(draft in draft()) {
        let text = to_python(&draft);
        let read = from_python(&text).unwrap_or_else(|e| panic!("{e}"));
        for block in Block::ALL {
            for (index, line) in read.draft.blocks.get(block).lines().enumerate() {
                for (column, character) in line.chars().enumerate() {
                    let Some((in_line, in_column)) = read.place(block, index + 1, column + 1) else { continue };
                    let there = text.lines().nth(in_line - 1).and_then(|l| l.chars().nth(in_column - 1));
                    prop_assert_eq!(there, Some(character));
                }
            }
        }
    }
}

fn schema() -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/reference/policy-header.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The header of a file as JSON.
fn header(text: &str) -> Value {
    let lines = text.lines().skip(1).take_while(|line| *line != "# ///");
    let toml: Vec<&str> = lines.map(|line| line.strip_prefix("# ").unwrap_or("")).collect();
    serde_json::to_value(toml::from_str::<toml::Table>(&toml.join("\n")).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn every_header_we_write_is_what_the_schema_describes(draft in draft()) {
        let header = header(&to_python(&draft));
        prop_assert!(schema().is_valid(&header), "{}", header);
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let good = "# name = \"a\"\n# kind = \"platform\"\n";
    for (from, to) in [("kind", "knid"), ("platform", "chat"), ("\"a\"", "\"\""), ("\"a\"", "1")] {
        let text = format!("# /// policy\n{}# ///\n", good.replacen(from, to, 1));
        assert!(from_python(&text).is_err(), "{text}");
        assert!(!schema().is_valid(&header(&text)), "{text}");
    }
    let text = format!("# /// policy\n{good}# ///\n");
    assert!(from_python(&text).is_ok() && schema().is_valid(&header(&text)));
}
