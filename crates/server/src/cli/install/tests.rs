//! The options that follow from a descriptor, and the ways in which a secret can be given.

use policykit_core::descriptor::Auth;
use secrecy::ExposeSecret;

use super::*;

fn platform() -> PlatformDescriptor {
    PlatformDescriptor {
        id: "agora",
        name: "Agora",
        auth: Vec::new(),
        webhook: Webhook::AppWide,
        returns_to: None,
        preview: false,
        credentials: vec![
            Credential { name: "bot_token", doc: "the token of the bot" },
            Credential { name: "admin_token", doc: "the token of an admin" },
        ],
        renewed: Vec::new(),
        questions: Vec::new(),
        scopes: Vec::new(),
        governable: Vec::new(),
        triggers: Vec::new(),
        methods: Vec::new(),
        voting: Vec::new(),
        operations: Vec::new(),
    }
}

fn collect(args: &[&str], environment: &[(&str, &str)], input: &str) -> Result<BTreeMap<String, String>, String> {
    let matches = options(&platform()).try_get_matches_from(args).map_err(|e| e.to_string())?;
    let look = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let found = credentials(&platform(), &matches, look, &mut input.as_bytes()).map_err(|e| format!("{e:#}"))?;
    Ok(found.into_iter().map(|(k, v)| (k, v.expose_secret().to_owned())).collect())
}

#[test]
fn secrets_come_from_options_files_input_and_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "from the file\n").expect("written");
    let file = file.display().to_string();
    let found = collect(&["--bot-token", "given", "--admin-token-file", &file], &[], "").expect("complete");
    assert_eq!((found["bot_token"].as_str(), found["admin_token"].as_str()), ("given", "from the file"));
    let found =
        collect(&["--bot-token", "-"], &[("POLICYKIT_AGORA_ADMIN_TOKEN", "from there")], "typed\n").expect("complete");
    assert_eq!((found["bot_token"].as_str(), found["admin_token"].as_str()), ("typed", "from there"));
}

#[test]
fn what_is_missing_is_named_with_where_to_find_it() {
    let said = collect(&["--bot-token", "x"], &[], "").expect_err("incomplete");
    assert_eq!(said, "Agora needs more:\n  --admin-token: the token of an admin (or POLICYKIT_AGORA_ADMIN_TOKEN)");
}

#[test]
fn where_nobody_is_sent_there_its_questions_are_options() {
    let questions =
        vec![Question { name: "base_url", label: "Where is it?", at_sign_in: "Where is it?", doc: "its address" }];
    let sent = PlatformDescriptor { auth: vec![Auth::OAuth], questions: questions.clone(), ..platform() };
    let entered = PlatformDescriptor { auth: vec![Auth::None], credentials: Vec::new(), questions, ..platform() };
    let url = ["--base-url", "https://example.org"];
    assert!(options(&sent).try_get_matches_from(url).is_err());
    assert!(options(&entered).try_get_matches_from(url).is_ok());
    let said = options(&entered).try_get_matches_from([] as [&str; 0]).expect_err("incomplete").to_string();
    assert!(said.contains("--base-url"), "{said}");
}

#[test]
fn standard_input_holds_one_secret_only() {
    let said = collect(&["--bot-token", "-", "--admin-token-file", "-"], &[], "x").expect_err("two");
    assert!(said.contains("only one secret can be read from standard input"), "{said}");
}

#[test]
fn an_option_the_platform_does_not_have_is_refused() {
    let said = collect(&["--bott-token", "x"], &[], "").expect_err("unknown");
    assert!(said.contains("--bot-token"), "{said}");
}
