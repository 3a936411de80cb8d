use super::{arg::clean_json, list, values};

#[test]
fn parameters_are_counted_through_all_rows() {
    assert_eq!(values(2, 3, 4), "($4, $5, $6), ($7, $8, $9)");
    assert_eq!(list(3, 2), "$2, $3, $4");
}

#[test]
fn the_character_nul_is_replaced_in_json_and_an_escaped_backslash_is_left_alone() {
    assert_eq!(clean_json(r#""a\u0000b""#.to_owned()), "\"a\u{fffd}b\"");
    assert_eq!(clean_json(r#""a\\u0000b""#.to_owned()), r#""a\\u0000b""#);
    assert_eq!(clean_json(r#""\\\u0000\n""#.to_owned()), "\"\\\\\u{fffd}\\n\"");
}
