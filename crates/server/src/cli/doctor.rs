//! `doctor`: looks at everything that has to work, and says of each what is wrong and what to do.

use std::{path::Path, process::ExitCode, time::Duration};

use policykit_core::{
    Clock, Timestamp,
    call::CallState,
    community::{Installation, InstallationStatus},
    ids::CommunityId,
    proposal::Status,
};
use policykit_platforms::platform::Entered;
use policykit_policy::Containment;
use policykit_store::Db;
use tokio::time::timeout;

use super::{context::Context, key, output::line, sandbox};
use crate::{config::DatabaseUrl, records};

/// How long a platform may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// A clock before this moment was never set: 1 January 2026.
const NO_EARLIER: Timestamp = Timestamp::from_secs(1_767_225_600);

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// What has been found so far; each finding is printed at once.
#[derive(Debug)]
struct Report(Level);

impl Report {
    fn add(&mut self, level: Level, what: &str) {
        let word = match level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        line(format_args!("{word} {what}"));
        self.0 = self.0.max(level);
    }

    fn ok(&mut self, what: &str) {
        self.add(Level::Ok, what);
    }

    fn warn(&mut self, what: &str, remedy: &str) {
        self.add(Level::Warn, &format!("{what}; {remedy}"));
    }

    fn fail(&mut self, what: &str, remedy: &str) {
        self.add(Level::Fail, &format!("{what}; {remedy}"));
    }

    fn code(&self) -> ExitCode {
        if self.0 == Level::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// `policykit doctor`.
pub(crate) async fn doctor(named: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut report = Report(Level::Ok);
    let context = match Context::load(named) {
        Ok(context) => context,
        Err(error) => {
            report.add(Level::Fail, &format!("configuration: {error:#}"));
            return Ok(report.code());
        }
    };
    configuration(&context, &mut report);
    clock(&*context.clock, &mut report);
    policies(&context, &mut report);
    let key = match key::find(&context.config) {
        Ok(key) => {
            if key::readable_by_others(&context.config) {
                report.warn("key: others on this machine may read its file", "take their right away with `chmod 600`");
            } else {
                report.ok("key: found");
            }
            Some(key)
        }
        Err(error) => {
            report.fail(&format!("key: {error:#}"), "put it back; `policykit serve` makes one only on a first start");
            None
        }
    };
    if let DatabaseUrl::File(path) = &context.config.database
        && !path.exists()
    {
        report.warn("database: there is none yet", "`policykit serve` or `policykit migrate` makes it");
        return Ok(report.code());
    }
    let db = match context.connect(key).await {
        Ok(db) => db,
        Err(error) => {
            report.fail(&format!("database: {error:#}"), "check `database_url`, and that the database runs");
            return Ok(report.code());
        }
    };
    if database(&db, &mut report).await {
        installations(&context, &db, &mut report).await?;
        stuck(&db, &mut report).await?;
    }
    db.close().await;
    Ok(report.code())
}

fn configuration(context: &Context, report: &mut Report) {
    match &context.config.file {
        Some(path) => report.ok(&format!("configuration: {} and the environment", path.display())),
        None => report.ok("configuration: the environment alone"),
    }
    if context.config.public_url.is_none() {
        report.warn(
            "configuration: `public_url` is not set",
            "set it to the https address under which platforms reach this server",
        );
    }
}

fn clock(clock: &dyn Clock, report: &mut Report) {
    let now = clock.now();
    if now < NO_EARLIER {
        report.fail(&format!("clock: it says {now}"), "set it; signed deliveries are refused when it is minutes off");
    } else {
        report.ok(&format!("clock: {now}"));
    }
}

/// Whether policies can be run, and what keeps them in.
fn policies(context: &Context, report: &mut Report) {
    match sandbox::containment(&context.config) {
        Ok(Some(Containment::Full)) => report.ok("policies: run in processes that can only compute"),
        Ok(Some(Containment::Limits)) => report.warn(
            "policies: run in processes of their own, but this system does not refuse them system calls",
            "run the server on Linux, in a container that allows `seccomp`",
        ),
        Ok(None) => report.warn(
            "policies: run inside the server, which one of them may bring down",
            "set `sandbox = \"workers\"` in the configuration to run them in processes of their own, see docs/reference/limits.md",
        ),
        Err(error) => report.fail(&format!("policies: {error:#}"), "see that this program may start itself again"),
    }
}

/// Whether the database can be used at all.
async fn database(db: &Db, report: &mut Report) -> bool {
    match db.pending_migrations().await {
        Ok(pending) if pending.is_empty() => {
            report.ok("database: reachable and up to date");
            true
        }
        Ok(pending) => {
            report.fail(
                &format!("database: not up to date ({} changes are missing)", pending.len()),
                "run `policykit migrate`",
            );
            false
        }
        Err(error) => {
            report.fail(&format!("database: {error}"), "check `database_url`, and that the database runs");
            false
        }
    }
}

async fn installations(context: &Context, db: &Db, report: &mut Report) -> anyhow::Result<()> {
    let all = db.system().installations().await?;
    if all.is_empty() {
        report.warn("communities: none is connected", "connect one with `policykit install`");
    }
    for installation in all.iter().filter(|i| i.status != InstallationStatus::Uninstalled) {
        let what = format!("{} on {}", installation.name, installation.platform);
        match credentials(context, db, installation).await {
            Ok(()) => report.ok(&format!("{what}: the credentials are accepted")),
            Err(why) => report.fail(
                &format!("{what}: {why}"),
                &format!("install it again: `policykit install {}`", installation.platform),
            ),
        }
    }
    Ok(())
}

async fn credentials(context: &Context, db: &Db, installation: &Installation) -> Result<(), String> {
    let platform = context
        .registry
        .get(&installation.platform)
        .ok_or_else(|| format!("this build has no integration `{}`", installation.platform))?;
    let mut credentials = std::collections::BTreeMap::new();
    for credential in &platform.descriptor().credentials {
        let secret = db
            .community(installation.community)
            .get_secret(installation.id, credential.name)
            .await
            .map_err(|e| format!("`{}` cannot be opened with the present key ({e})", credential.name))?
            .ok_or_else(|| format!("`{}` is not stored", credential.name))?;
        credentials.insert(credential.name.to_owned(), secret);
    }
    let app = context.apps().remove(&installation.platform).unwrap_or_default();
    let answers = platform.descriptor().answers_in(&installation.settings);
    let entered = Entered { credentials: &credentials, answers: &answers, app: &app };
    let found =
        timeout(PATIENCE, platform.inspect(entered)).await.map_err(|_| "the platform does not answer".to_owned())??;
    if found.external_id == installation.id_there() {
        Ok(())
    } else {
        Err(format!("the credentials belong to `{}`, not to `{}`", found.external_id, installation.id_there()))
    }
}

/// How many uncertain calls are counted; the remedy is the same however many there are.
const MOST: usize = 1_000;

/// What does not go on by itself.
async fn stuck(db: &Db, report: &mut Report) -> anyhow::Result<()> {
    let dead = db.system().dead_deliveries().await?;
    if dead > 0 {
        report.warn(
            &format!("deliveries: {dead} could not be read"),
            "they are kept; a newer version may understand them, and the log says why",
        );
    } else {
        report.ok("deliveries: all were read");
    }
    let uncertain = db.system().calls(CallState::Uncertain, MOST).await?.len();
    if uncertain > 0 {
        report.warn(
            &format!("calls: nobody can tell about {uncertain}"),
            "see `policykit calls list`, then `policykit calls settle`",
        );
    } else {
        report.ok("calls: none is uncertain");
    }
    let communities: Vec<CommunityId> = records::communities(db).await?.into_iter().map(|c| c.id).collect();
    let held = records::proposals(db, &communities, Some(Status::Held), None, 1_000).await?.rows.len();
    if held > 0 {
        report.warn(
            &format!("proposals: {held} are held because a rule raised an error"),
            "their pages show block, line and reason; correct the rules",
        );
    } else {
        report.ok("proposals: none is held");
    }
    Ok(())
}
