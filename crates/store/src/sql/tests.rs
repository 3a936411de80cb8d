use super::{
    arg::{clean_json, json},
    list,
    many::unnumbered,
    values,
};

#[test]
fn parameters_are_counted_through_all_rows() {
    assert_eq!(values(2, 3, 4), "($4, $5, $6), ($7, $8, $9)");
    assert_eq!(list(3, 2), "$2, $3, $4");
    assert_eq!(unnumbered(2, 3), "(?, ?, ?), (?, ?, ?)");
}

#[test]
fn the_character_nul_is_replaced_in_json_and_an_escaped_backslash_is_left_alone() {
    assert_eq!(clean_json(r#""a\u0000b""#.to_owned()), "\"a\u{fffd}b\"");
    assert_eq!(clean_json(r#""a\\u0000b""#.to_owned()), r#""a\\u0000b""#);
    assert_eq!(clean_json(r#""\\\u0000\n""#.to_owned()), "\"\\\\\u{fffd}\\n\"");
}

#[test]
fn json_is_written_only_as_deep_as_it_can_be_read() {
    let nested = |depth: usize| (0..depth).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    for depth in [1, 126, 127, 128, 129, 300] {
        let value = nested(depth);
        let readable = serde_json::from_str::<serde_json::Value>(&value.to_string()).is_ok();
        assert_eq!(json(&value).is_ok(), readable, "{depth}");
    }
    assert!(json(&vec![vec![1]; 200]).is_ok(), "many beside each other are not deep");
    assert!(json("[\"\\{".repeat(300).as_str()).is_ok(), "nor are brackets within text");
}
