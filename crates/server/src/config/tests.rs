//! Every refusal, word for word where the words are the point.

use super::*;

fn known() -> Vec<PlatformNames> {
    vec![PlatformNames { id: "agora".into(), credentials: vec!["bot_token".into()] }]
}

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("policykit.toml");
    std::fs::write(&path, file).expect("the file is written");
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(Some(&path), environment, &known())
        .map_err(|e| e.to_string().replace(&path.display().to_string(), "policykit.toml"))
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    load(file, environment).expect_err("it is refused")
}

#[test]
fn nothing_configured_is_a_file_and_a_key_in_the_data_folder() {
    let config = load("", &[]).expect("nothing is fine");
    assert!(matches!(&config.database, DatabaseUrl::File(p) if p.ends_with("data/policykit.db")));
    assert!(matches!(&config.secret_key, KeySource::Generated(p) if p.ends_with("data/secret.key")));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.base_url(None), "http://127.0.0.1:8080");
    assert_eq!(config.engine.lease, Duration::from_secs(12));
}

#[test]
fn policies_run_in_processes_of_their_own_unless_it_is_said_otherwise() {
    assert_eq!(load("", &[]).expect("valid").sandbox, Sandbox::Workers);
    assert_eq!(load("sandbox = \"in-process\"", &[]).expect("valid").sandbox, Sandbox::InProcess);
    assert_eq!(load("", &[("POLICYKIT_SANDBOX_MEMORY_MIB", "256")]).expect("valid").sandbox_memory, 256);
    assert_eq!(load("", &[]).expect("valid").sandbox_cpu, Duration::from_millis(200));
    assert_eq!(load("sandbox_cpu_ms = 500", &[]).expect("valid").sandbox_cpu, Duration::from_millis(500));
    assert_eq!(
        refusal("sandbox_cpu_ms = 0", &[]),
        "`sandbox_cpu_ms` (in `policykit.toml`) is 0; give a whole number of milliseconds from 10 to 10000, such as `200`"
    );
    assert_eq!(
        refusal("sandbox_memory_mib = 64", &[]),
        "`sandbox_memory_mib` (in `policykit.toml`) is 64; give a whole number from 96 to 65536, such as `128`"
    );
}

#[test]
fn proxies_are_believed_that_are_named_and_everybody_cannot_be() {
    let word = |config: Config| config.trusted_proxies.words();
    assert!(word(load("", &[]).expect("valid")).is_empty());
    let listed = load("trusted_proxies = [\"10.0.0.5\", \"2001:db8::7/64\"]", &[]).expect("valid");
    assert!(listed.trusted_proxies.trust("10.0.0.5".parse().expect("an address")));
    assert!(!listed.trusted_proxies.trust("10.0.0.6".parse().expect("an address")));
    assert_eq!(word(listed), ["10.0.0.5/32", "2001:db8::/64"]);
    let variable = load("", &[("POLICYKIT_TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/24")]).expect("valid");
    assert_eq!(word(variable), ["10.0.0.5/32", "10.1.0.0/24"]);
    let remedy =
        "give the addresses or networks of the proxies in front of this server, such as `10.0.0.5` or `10.0.0.0/24`";
    assert_eq!(
        refusal("trusted_proxies = [\"10.0.0.0/40\"]", &[]),
        format!("`trusted_proxies` (in `policykit.toml`) names `10.0.0.0/40`, which is no network; {remedy}")
    );
    assert_eq!(
        refusal("", &[("POLICYKIT_TRUSTED_PROXIES", "10.0.0.5,0.0.0.0/0")]),
        format!(
            "`trusted_proxies` (`POLICYKIT_TRUSTED_PROXIES` in the environment) names `0.0.0.0/0`, so that everybody could \
             say where they come from; {remedy}"
        )
    );
    assert_eq!(
        refusal("trusted_proxies = 10", &[]),
        format!("`trusted_proxies` (in `policykit.toml`) must be a list of texts, not a number; {remedy}")
    );
}

#[test]
fn who_may_connect_a_community_is_the_operator_unless_it_is_said_otherwise() {
    assert_eq!(load("", &[]).expect("valid").registration, Registration::Operator);
    let open = load("registration = \"open\"", &[]).expect("valid");
    assert_eq!(open.registration, Registration::Open);
    let closed = load("registration = \"open\"", &[("POLICYKIT_REGISTRATION", "closed")]).expect("valid");
    assert_eq!(closed.registration, Registration::Closed);
    assert_eq!(
        refusal("registration = \"everybody\"", &[]),
        "`registration` (in `policykit.toml`) is `everybody`, which there is not; give `open`, `operator` or `closed`"
    );
}

#[test]
fn the_environment_wins_over_the_file_and_secrets_of_digits_stay_text() {
    let config = load(
        "listen = \"127.0.0.1:1\"\n[platforms.agora]\nsigning_secret = \"from the file\"\n",
        &[
            ("POLICYKIT_LISTEN", "127.0.0.1:2"),
            ("POLICYKIT_AGORA_SIGNING_SECRET", "12345678"),
            ("POLICYKIT_AGORA_API_URL", "http://127.0.0.1:9/api/"),
            ("POLICYKIT_ENGINE_POLL_MS", "250"),
        ],
    )
    .expect("valid");
    assert_eq!(config.listen.port(), 2);
    let agora = &config.platforms["agora"];
    assert_eq!(agora.secrets["signing_secret"].expose_secret(), "12345678");
    assert_eq!(agora.settings["api_url"], "http://127.0.0.1:9/api/");
    assert_eq!(config.engine.poll, Duration::from_millis(250));
    assert_eq!(config.given("listen"), Some(Given::Environment));
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_known_one() {
    assert_eq!(
        refusal("lissen = \"127.0.0.1:1\"", &[]),
        "there is no setting `lissen` (in `policykit.toml`); did you mean `listen`?"
    );
    assert_eq!(
        refusal("", &[("POLICYKIT_DATABSE_URL", "x")]),
        "there is no setting `POLICYKIT_DATABSE_URL` (in the environment); did you mean `POLICYKIT_DATABASE_URL`?"
    );
    assert_eq!(
        refusal("[platforms.agora]\nsigning_sekret = \"x\"", &[]),
        "there is no setting `platforms.agora.signing_sekret` (in `policykit.toml`); did you mean `platforms.agora.signing_secret`?"
    );
    assert_eq!(
        refusal("[engine]\nlease = 3", &[]),
        "there is no setting `engine.lease` (in `policykit.toml`); did you mean `engine.lease_ms`?"
    );
    assert_eq!(
        refusal("colour = 3", &[]),
        "there is no setting `colour` (in `policykit.toml`); remove it, or see `policykit config show` for the settings there are"
    );
}

#[test]
fn an_unknown_platform_is_refused_with_the_nearest_known_one() {
    assert_eq!(
        refusal("[platforms.agorra]\napi_url = \"http://x\"", &[]),
        "there is no platform `agorra` (in `policykit.toml`); did you mean `[platforms.agora]`?"
    );
    assert_eq!(
        refusal("[platforms.forum]\n", &[]),
        "there is no platform `forum` (in `policykit.toml`); there are: agora"
    );
}

#[test]
fn variables_that_are_somebody_elses_are_left_alone() {
    let config = load(
        "",
        &[
            ("POLICYKIT_CONFIG", "x"),
            ("POLICYKIT_AGORA_BOT_TOKEN", "for install"),
            ("POLICYKIT_TEST_ANYTHING", "x"),
            ("POLICYKIT_SERVICE_HOST", "10.0.0.1"),
            ("POLICYKIT_PORT", "tcp://10.0.0.1:80"),
            ("POLICYKIT_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("POLICYKIT_LISTEN", ""),
            ("HOME", "/"),
        ],
    );
    assert!(config.is_ok(), "{config:?}");
}

#[test]
fn a_wrong_type_names_field_and_remedy_and_never_the_value() {
    assert_eq!(
        refusal("listen = 8080", &[]),
        "`listen` (in `policykit.toml`) must be text, not a number; give an address and a port, such as `127.0.0.1:8080`"
    );
    let said = refusal("[platforms.agora]\nsigning_secret = 424242", &[]);
    assert_eq!(
        said,
        "`platforms.agora.signing_secret` (in `policykit.toml`) must be text, not a number; give it as text in quotation marks"
    );
    assert_eq!(
        refusal("", &[("POLICYKIT_ENGINE_LEASE_MS", "long")]),
        "`engine.lease_ms` (`POLICYKIT_ENGINE_LEASE_MS` in the environment) `long` is not a whole number; \
         give a whole number of milliseconds, such as `12000`"
    );
    for section in ["platforms", "engine"] {
        assert_eq!(
            refusal(&format!("{section} = 3"), &[]),
            format!(
                "`{section}` (in `policykit.toml`) must be a section, not a number; write it as a section with a name and a value a line"
            )
        );
    }
}

#[test]
fn values_that_cannot_be_used_are_refused_with_the_remedy() {
    for (file, expected) in [
        (
            "listen = \"8080\"",
            "`listen` (in `policykit.toml`) is `8080`, which is no address with a port; give an address and a port",
        ),
        (
            "database_url = \"mysql://root:hunter2@x\"",
            "`database_url` (in `policykit.toml`) is neither SQLite's nor PostgreSQL's; give an address",
        ),
        ("public_url = \"policykit\"", "`public_url` (in `policykit.toml`) is `policykit`, which is no address ("),
        (
            "public_url = \"ftp://x\"",
            "`public_url` (in `policykit.toml`) is `ftp://x`, which is no http or https address; give",
        ),
        (
            "public_url = \"https://x/sub\"",
            "`public_url` (in `policykit.toml`) is `https://x/sub`, but only scheme, host and port can be given",
        ),
        (
            "public_url = \"http://example.org\"",
            "`public_url` (in `policykit.toml`) is `http://example.org`, but sign-in over plain http",
        ),
        ("secret_key = \"hunter2\"", "`secret_key` (in `policykit.toml`) is not a key; give 64 hexadecimal digits"),
        (
            "log_format = \"xml\"",
            "`log_format` (in `policykit.toml`) is `xml`, which there is not; give `text` or `json`",
        ),
        ("log = \"loud=very\"", "`log` (in `policykit.toml`) is `loud=very`, which is no filter; give a filter"),
        ("[engine]\npoll_ms = 0", "`engine.poll_ms` (in `policykit.toml`) is 0; give a whole number"),
        ("[engine]\nlease_ms = -5", "`engine.lease_ms` (in `policykit.toml`) `-5` is negative; give a whole number"),
        ("[engine]\nheartbeat_ms = 9000", "`engine.heartbeat_ms` is more than half of `engine.lease_ms`"),
        (
            "[platforms.agora]\napi_url = \"here\"",
            "`platforms.agora.api_url` (in `policykit.toml`) is `here`, which is no http or https address; give an",
        ),
    ] {
        let said = refusal(file, &[]);
        assert!(said.starts_with(expected), "{file}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let both = format!("secret_key = \"{}\"\nsecret_key_file = \"k\"", "a".repeat(64));
    assert_eq!(
        refusal(&both, &[]),
        "`secret_key` (in `policykit.toml`) is given together with `secret_key_file`; give only one of `secret_key` and `secret_key_file`"
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_quoting_it() {
    let said = refusal("secret_key = hunter2", &[]);
    assert!(said.starts_with("the configuration file `policykit.toml` is not valid TOML: "), "{said}");
    assert!(said.contains("line 1"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let missing =
        Config::load(Some(Path::new("/nowhere/x.toml")), [], &known()).expect_err("there is none").to_string();
    assert!(missing.contains("name an existing file with `--config`"), "{missing}");
}

#[test]
fn what_is_shown_holds_no_secret() {
    let config = load(
        &format!(
            "database_url = \"postgres://me:hunter2@db.example/x?password=hunter2\"\nsecret_key = \"{}\"\n[platforms.agora]\nsigning_secret = \"hunter2\"\nclient_id = \"7\"\n",
            "ab".repeat(32)
        ),
        &[],
    )
    .expect("valid");
    let shown: Vec<String> = lines(&config).iter().map(|l| format!("{} = {} {}", l.path, l.value, l.origin)).collect();
    let text = shown.join("\n");
    assert!(!text.contains("hunter2") && !text.contains("abab"), "{text}");
    assert!(text.contains("database_url = \"postgres://db.example/x\" file"), "{text}");
    assert!(text.contains("platforms.agora.client_id = \"7\" file"), "{text}");
    assert!(text.contains("listen = \"127.0.0.1:8080\" default"), "{text}");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_base_address_follows_where_the_server_listens() {
    let config = load("listen = \"0.0.0.0:0\"", &[]).expect("valid");
    assert_eq!(config.base_url(Some("0.0.0.0:4321".parse().expect("an address"))), "http://127.0.0.1:4321");
    let config = load("public_url = \"https://rules.example.org/\"", &[]).expect("valid");
    assert_eq!(config.base_url(None), "https://rules.example.org");
}

#[test]
fn a_refusal_names_the_file_that_the_value_is_in() {
    const PLACE: &str = "(in `policykit.toml`)";
    for file in
        ["listen = 8080", "listen = \"nonsense\"", "[platforms.agora]\napi_url = \"nonsense\"", "[platforms.agra]\n"]
    {
        let said = refusal(file, &[]);
        assert!(said.contains(PLACE), "{said}");
    }
    let said = refusal("", &[("POLICYKIT_LISTEN", "nonsense")]);
    assert!(!said.contains(PLACE), "{said}");
}
