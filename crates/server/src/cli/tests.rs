//! What the command line understands.

use clap::CommandFactory as _;

use super::*;

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("policykit").chain(args.iter().copied()))
}

#[test]
fn the_definition_contradicts_itself_nowhere() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_says_what_the_program_is_and_not_what_its_crate_is() {
    let help = Cli::command().render_help().to_string();
    assert!(help.starts_with("Governance as code for online communities"), "{help}");
}

#[test]
fn every_command_of_the_contract_is_understood() {
    let id = "00000000-0000-0000-0000-000000000001";
    for line in [
        "serve",
        "serve --listen 127.0.0.1:0",
        "worker --health 127.0.0.1:0",
        "migrate",
        "doctor",
        "install agora --bot-token x --admin-token - --community Makers",
        "platforms",
        "platforms --json",
        "platforms manifest agora --url https://pk.example",
        "policy import --community Makers a.json b.json",
        "policy list --community Makers",
        "policy check a.json b.py policies",
        "policy check --format json a.json",
        "policy check --format sarif a.json",
        "policy run a.py --scenario s.yaml",
        "policy run a.py --scenario s.yaml --format json",
        "policy test policies s.yaml",
        "policy fmt policies",
        "policy fmt --check a.py",
        "policy convert a.json --to python",
        "policy convert a.py b.py --to json --out out",
        "calls list",
        "calls list --state uncertain",
        &format!("calls settle {id} --happened --reply {{}} --note seen"),
        &format!("calls settle {id} --did-not-happen"),
        &format!("replay {id}"),
        "replay --all",
        "operator-link",
        "audit verify --community Makers",
        "config show",
        "sandbox --memory-mib 128",
        "config check --config x.toml",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(parse(&words).is_ok(), "{line}: {}", parse(&words).expect_err("refused"));
    }
}

#[test]
fn what_cannot_be_meant_ends_with_two() {
    let id = "00000000-0000-0000-0000-000000000001";
    for line in [
        "",
        "sevre",
        "serve --listen 8080",
        "calls settle",
        &format!("calls settle {id}"),
        &format!("calls settle {id} --happened --did-not-happen"),
        &format!("calls settle {id} --did-not-happen --reply {{}}"),
        &format!("calls settle {id} --happened --reply {{"),
        "calls settle no-id --happened",
        "calls list --state lost",
        "replay",
        &format!("replay {id} --all"),
        "policy import --community Makers",
        "policy check",
        "policy check --format xml a.py",
        "policy run a.py",
        "policy test",
        "policy convert a.py",
    ] {
        let words: Vec<&str> = line.split(' ').filter(|w| !w.is_empty()).collect();
        let error = parse(&words).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn the_configuration_file_can_be_named_before_and_after_the_command() {
    for line in [["--config", "x.toml", "serve"], ["serve", "--config", "x.toml"]] {
        assert_eq!(parse(&line).expect("understood").config, Some(PathBuf::from("x.toml")));
    }
}

#[test]
fn options_of_a_platform_are_kept_for_the_second_step() {
    let Command::Install(_) = parse(&["install", "agora", "--anything", "x"]).expect("understood").command else {
        panic!("another command");
    };
}

#[test]
fn the_commands_of_the_guides_are_understood() {
    for guide in
        [include_str!("../../../../docs/guides/slack.md"), include_str!("../../../../docs/guides/write-policies.md")]
    {
        let mut inside = false;
        let mut seen = 0;
        for line in guide.lines() {
            let line = line.trim_start();
            if line.starts_with("```") {
                inside = line == "```sh";
            } else if let Some(command) = line.strip_prefix("policykit ").filter(|_| inside) {
                let words: Vec<&str> = command.split_whitespace().collect();
                assert!(parse(&words).is_ok(), "{line}: {}", parse(&words).expect_err("refused"));
                seen += 1;
            }
        }
        assert!(seen >= 3, "the guide has commands");
    }
}
