//! `install`: connects a community. What a platform needs is in its descriptor, and so are the options here.

use std::{collections::BTreeMap, env, ffi::OsString, fs, io::Read, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::{Arg, ArgMatches, Args, Command};
use policykit_core::{
    descriptor::{Credential, PlatformDescriptor, Question, Webhook},
    ids::CommunityId,
};
use policykit_engine::{Again, Install, JourneyError, Outcome, Whereto};
use policykit_store::Db;
use secrecy::SecretString;

use super::{
    context::{Context, Opened},
    output::{line, note},
};
use crate::{config::variable, records};

/// Everything after `install`; what is allowed depends on the platform and is read in a second step.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The platform, then what it needs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0.., value_name = "PLATFORM OPTIONS")]
    rest: Vec<OsString>,
}

/// The options of `install PLATFORM`.
pub(crate) fn options(platform: &PlatformDescriptor) -> Command {
    let mut command =
        Command::new(format!("policykit install {}", platform.id))
            .no_binary_name(true)
            .about(format!("Connect a community on {}", platform.name))
            .after_help(
                "A secret on the command line can be seen by others on this machine. Give it in the environment, in a \
             file, or as `-` to have it read from standard input.",
            )
            .arg(
                Arg::new("community")
                    .long("community")
                    .value_name("NAME")
                    .help("Name of the community here [default: its name on the platform]"),
            )
            .arg(
                Arg::new("into").long("into").value_name("COMMUNITY").conflicts_with("community").help(
                    "Name or id of a community that is here, to which it is added [default: a community of its own]",
                ),
            )
            .arg(Arg::new("config").long("config").value_name("FILE").help("The configuration file"));
    for question in questions(platform) {
        command = command.arg(
            Arg::new(question.name)
                .long(question.name.replace('_', "-"))
                .value_name("TEXT")
                .required(true)
                .help(format!("{} Give {}", question.label, question.doc)),
        );
    }
    for credential in &platform.credentials {
        let flag = flag(credential);
        command = command
            .arg(
                Arg::new(credential.name)
                    .long(flag.clone())
                    .value_name("SECRET")
                    .allow_hyphen_values(true)
                    .help(format!("{} [env: {}]", credential.doc, env_name(platform, credential))),
            )
            .arg(
                Arg::new(format!("{}_file", credential.name))
                    .long(format!("{flag}-file"))
                    .value_name("FILE")
                    .conflicts_with(credential.name)
                    .help(format!("File that holds the value of --{flag}; `-` is standard input")),
            );
    }
    command
}

/// What is asked here. Of a platform that takes no form, its keys say which community they are for.
fn questions(platform: &PlatformDescriptor) -> impl Iterator<Item = &Question> {
    platform.questions.iter().filter(|_| platform.is_entered())
}

fn flag(credential: &Credential) -> String {
    credential.name.replace('_', "-")
}

fn env_name(platform: &PlatformDescriptor, credential: &Credential) -> String {
    variable(&format!("platforms.{}.{}", platform.id, credential.name))
}

/// `policykit install`.
pub(crate) async fn install(config: Option<PathBuf>, args: InstallArgs) -> anyhow::Result<ExitCode> {
    let known = super::context::integrations(std::time::Duration::from_secs(8))?;
    let mut rest = args.rest.into_iter();
    let Some(id) = rest.next().and_then(|id| id.into_string().ok()) else {
        note(usage(&known.ids()));
        return Ok(ExitCode::from(2));
    };
    let Some(platform) = known.get(&id) else {
        let is_help = id == "--help" || id == "-h";
        if !is_help {
            note(format_args!("error: there is no platform `{id}`"));
        }
        note(usage(&known.ids()));
        return Ok(if is_help { ExitCode::SUCCESS } else { ExitCode::from(2) });
    };
    let descriptor = platform.descriptor();
    // Prints help or what is wrong, and ends the process with 0 or 2, as for every other command.
    let matches = options(descriptor).get_matches_from(rest);
    let config = matches.get_one::<String>("config").map(PathBuf::from).or(config);
    let credentials = credentials(descriptor, &matches, |name| env::var(name).ok(), &mut std::io::stdin())?;
    let context = Context::load(config.as_deref())?;
    let Opened { db, .. } = context.open().await?;
    let engine = context.engine(db.clone())?;
    let given = |name: &str| matches.get_one::<String>(name).cloned();
    let wanted = Install {
        platform: id.clone(),
        credentials,
        answers: questions(descriptor).filter_map(|q| Some((q.name.to_owned(), given(q.name)?))).collect(),
        community: given("community"),
    };
    let into = home(&db, descriptor, given("into").as_deref()).await?;
    let installed = match into {
        None => engine.install(wanted).await.map_err(JourneyError::from),
        Some(into) => engine.connect(wanted, Whereto::Given(into)).await.and_then(|outcome| match outcome {
            Outcome::Installed { installed, .. } => Ok(*installed),
            Outcome::SignedIn(_) | Outcome::Proposed { .. } => {
                Err(JourneyError::NotMade("it was not decided".to_owned()))
            }
        }),
    };
    let installed = installed.map_err(|error| anyhow::anyhow!("nothing was installed: {error}"))?;
    let done = match installed.again {
        Again::No => "installed",
        Again::Yes => "installed again, with the new credentials",
    };
    line(format_args!(
        "{} ({} {}) is {done}: {} people are known",
        installed.name, descriptor.name, installed.external_id, installed.people
    ));
    line(format_args!("community {}", installed.community));
    for step in installed.to_do.into_iter().chain(addresses(&context, descriptor)) {
        line(step);
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The community to which it is added. A platform without people is nothing by itself: nobody could sign in there.
async fn home(db: &Db, platform: &PlatformDescriptor, into: Option<&str>) -> anyhow::Result<Option<CommunityId>> {
    if let Some(into) = into {
        return Ok(Some(records::find_community(db, into).await?.id));
    }
    if platform.has_people() {
        return Ok(None);
    }
    match db.system().only_community().await? {
        Some((only, _)) => Ok(Some(only)),
        None => bail!("{} has no people of its own: say with --into to which community it is added", platform.name),
    }
}

fn usage(ids: &[&str]) -> String {
    format!(
        "usage: policykit install PLATFORM OPTIONS\nplatforms: {}\n`policykit install PLATFORM --help` says what a platform needs",
        ids.join(", ")
    )
}

/// Which addresses are to be entered on the platform.
fn addresses(context: &Context, platform: &PlatformDescriptor) -> Vec<String> {
    let base = context.config.base_url(None);
    match platform.webhook {
        Webhook::AppWide => vec![format!(
            "enter this address on {}, for events and for interactivity: {base}/api/hooks/{}",
            platform.name, platform.id
        )],
        // It was told already, or what is left to do was said.
        Webhook::PerInstallation | Webhook::None => Vec::new(),
    }
}

/// Collects what the platform needs from options, files, standard input and the environment, in this order.
fn credentials(
    platform: &PlatformDescriptor,
    matches: &ArgMatches,
    environment: impl Fn(&str) -> Option<String>,
    input: &mut impl Read,
) -> anyhow::Result<BTreeMap<String, SecretString>> {
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    let mut input_taken = false;
    let mut from_input = |input: &mut dyn Read| -> anyhow::Result<String> {
        if std::mem::replace(&mut input_taken, true) {
            bail!("only one secret can be read from standard input; give the others in files or in the environment");
        }
        let mut text = String::new();
        input.read_to_string(&mut text).context("standard input cannot be read")?;
        Ok(text)
    };
    for credential in &platform.credentials {
        let flag = flag(credential);
        let given = matches.get_one::<String>(credential.name).map(String::as_str);
        let file = matches.get_one::<String>(&format!("{}_file", credential.name)).map(String::as_str);
        let value = match (given, file) {
            (Some("-"), _) | (_, Some("-")) => Some(from_input(input)?),
            (Some(value), _) => Some(value.to_owned()),
            (None, Some(path)) => Some(
                fs::read_to_string(path)
                    .with_context(|| format!("the file `{path}` given with --{flag}-file cannot be read"))?,
            ),
            (None, None) => environment(&env_name(platform, credential)),
        };
        match value.map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()) {
            Some(value) => {
                found.insert(credential.name.to_owned(), SecretString::from(value));
            }
            None => missing.push(format!("--{flag}: {} (or {})", credential.doc, env_name(platform, credential))),
        }
    }
    if missing.is_empty() { Ok(found) } else { bail!("{} needs more:\n  {}", platform.name, missing.join("\n  ")) }
}

#[cfg(test)]
#[path = "install/tests.rs"]
mod tests;
