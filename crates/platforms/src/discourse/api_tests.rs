use serde_json::json;

use super::*;

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

#[test]
fn refusals_keep_the_forums_words_and_have_a_code() {
    let refused = |status: u16, body: &str| match sort(&reply(status, body)) {
        Err(Trouble::Refused { status, code, message }) => (status, code, message),
        other => panic!("{other:?}"),
    };
    let said = r#"{"action":"create_post","errors":["Title is too short","Body is unclear"]}"#;
    assert_eq!(refused(422, said), (422, "invalid".into(), "Title is too short Body is unclear".into()));
    let said = r#"{"errors":["You are not permitted."],"error_type":"invalid_access"}"#;
    assert_eq!(refused(403, said), (403, "invalid_access".into(), "You are not permitted.".into()));
    assert_eq!(refused(404, "<html>").1, "not_found");
    assert!(sort(&reply(404, "{}")).unwrap_err().is_missing());
}

#[test]
fn an_answer_that_says_nothing_is_success_and_one_that_is_a_page_is_not() {
    assert_eq!(sort(&reply(200, "")), Ok(Value::Null));
    assert_eq!(sort(&reply(200, r#"{"success":"OK"}"#)), Ok(json!({ "success": "OK" })));
    assert!(matches!(sort(&reply(200, "<html>")), Err(Trouble::Call(CallError::Unknown { .. }))));
}

#[test]
fn how_long_to_wait_is_read_from_the_body() {
    let body = r#"{"errors":["slow"],"error_type":"rate_limit","extras":{"wait_seconds":43,"time_left":"43 seconds"}}"#;
    assert_eq!(wait(body.as_bytes()), Some(43_000));
    for body in ["", "{}", r#"{"extras":{"wait_seconds":-1}}"#, r#"{"extras":{"wait_seconds":1e300}}"#] {
        assert_eq!(wait(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn a_name_stays_one_part_of_a_path() {
    assert_eq!(segment("a/b c?d#e%"), "a%2Fb%20c%3Fd%23e%25");
    assert_eq!(segment("Ada_1.b-c"), "Ada_1.b-c");
}
