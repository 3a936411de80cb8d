//! A private PostgreSQL for tests: its own folder, its own port on the loopback address, its own password.
//!
//! It runs with `fsync=on`, because what tests prove about crashes would be worth nothing without, and as a user who
//! is not root, because PostgreSQL refuses anything else. The kernel stops it when this tool dies, however that
//! happens; otherwise it is stopped by its process id.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::{stage, workspace::Workspace};

/// The user of the database, who may create databases.
const ROLE: &str = "policykit";
/// A fresh cluster answers within a second or two; a machine under full load may need longer.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Time to write everything out before it is stopped the hard way.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Another process may take the port between our looking and PostgreSQL's opening it.
const PORT_TRIES: u32 = 3;
/// Longest folder name in which a unix socket still fits (the kernel takes 107 bytes with the socket's own name).
const SOCKET_DIR_LIMIT: usize = 80;

/// A running cluster; dropping it stops it and removes its folder.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Option<Child>,
    folder: PathBuf,
    url: String,
}

impl Cluster {
    /// Installs PostgreSQL where it is missing (as root on Debian), creates a cluster and waits until it answers.
    ///
    /// Call it from the main thread: the kernel takes the end of the thread that started the server for the end of
    /// this tool.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let programs = programs()?;
        let account = Account::choose()?;
        let folder = private_folder(workspace, account.as_ref())?;
        let mut cluster = Self { server: None, folder, url: String::new() };
        let password = random_hex()?;
        cluster.create(&programs, account.as_ref(), &password)?;
        let mut last = String::new();
        for _ in 0..PORT_TRIES {
            let port = free_port()?;
            match cluster.launch(&programs, account.as_ref(), port) {
                Ok(()) => {
                    cluster.url = format!("postgres://{ROLE}:{password}@{}:{port}/postgres", Ipv4Addr::LOCALHOST);
                    println!("PostgreSQL runs on port {port}, folder {}", cluster.folder.display());
                    return Ok(cluster);
                }
                Err(error) => last = format!("{error:#}"),
            }
            cluster.stop();
        }
        bail!("PostgreSQL does not start: {last}")
    }

    /// Address of its maintenance database, for `POLICYKIT_TEST_POSTGRES`; tests create databases of their own.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn create(&self, programs: &Path, account: Option<&Account>, password: &str) -> Result<()> {
        let file = self.folder.join("password");
        fs::write(&file, password).context("writing the password file")?;
        if let Some(account) = account {
            chown(&file, Some(account.uid), Some(account.gid)).context("handing the password file over")?;
        }
        let mut initdb = as_account(account, &programs.join("initdb"));
        initdb.arg("--pgdata").arg(self.folder.join("data")).arg("--pwfile").arg(&file);
        // The password goes over loopback as it is: deriving keys from it, as SCRAM does at each connection, takes an
        // unoptimised client longer than most tests.
        initdb.args(["--username", ROLE, "--auth=password", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        let said = initdb.current_dir(&self.folder).output().context("starting initdb")?;
        fs::remove_file(&file).context("removing the password file")?;
        if !said.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&said.stderr).trim());
        }
        Ok(())
    }

    fn launch(&mut self, programs: &Path, account: Option<&Account>, port: u16) -> Result<()> {
        let mut postgres = as_account(account, &programs.join("postgres"));
        postgres.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        postgres.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        postgres.args(["-c", "fsync=on", "-c", "max_connections=200"]);
        // The line that tells that it is ready is read, so it must not be translated.
        postgres.env("LC_MESSAGES", "C").env_remove("LC_ALL").env_remove("LANGUAGE");
        postgres.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = postgres.spawn().context("starting postgres")?;
        let messages = server.stderr.take().context("its messages were not piped")?;
        self.server = Some(server);
        let (ready, answers) = mpsc::channel();
        let log = self.folder.join("log");
        thread::spawn(move || follow(messages, &log, &ready));
        match answers.recv_timeout(START_LIMIT) {
            Ok(Start::Ready) => Ok(()),
            Ok(Start::Ended(last)) => bail!("it ended: {last}"),
            Err(_) => bail!("it did not answer within {} seconds", START_LIMIT.as_secs()),
        }
    }

    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let Some(pid) = i32::try_from(server.id()).ok().and_then(Pid::from_raw) else { return };
        // "Fast": ends the sessions, writes everything out.
        let _ = kill_process(pid, Signal::INT);
        let (ended, answers) = mpsc::channel();
        let waiter = thread::spawn(move || {
            let _ = server.wait();
            let _ = ended.send(());
        });
        if answers.recv_timeout(STOP_LIMIT).is_err() {
            // "Immediate": as after a crash; the folder goes away anyway.
            let _ = kill_process(pid, Signal::QUIT);
        }
        let _ = waiter.join();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs a command with a cluster beside it.
pub(crate) fn run_with(workspace: &Workspace, command: &[String]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { bail!("name the command to run") };
    let cluster = Cluster::start(workspace)?;
    let status = Command::new(program)
        .args(arguments)
        .env("POLICYKIT_TEST_POSTGRES", cluster.url())
        .status()
        .with_context(|| format!("starting `{program}`"))?;
    drop(cluster);
    if !status.success() {
        bail!("`{program}` ended with {status}");
    }
    Ok(())
}

enum Start {
    Ready,
    Ended(String),
}

/// Copies the server's messages to its log for as long as it lives, and tells when it is ready or has ended.
fn follow(messages: ChildStderr, log: &Path, ready: &mpsc::Sender<Start>) {
    let mut log = fs::File::create(log).ok();
    let mut last = String::new();
    for line in BufReader::new(messages).lines().map_while(Result::ok) {
        if let Some(log) = &mut log {
            let _ = writeln!(log, "{line}");
        }
        if line.contains("ready to accept connections") {
            let _ = ready.send(Start::Ready);
        }
        last = line;
    }
    let _ = ready.send(Start::Ended(last));
}

/// A user of the system under whom PostgreSQL can run when this tool runs as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// None when we are not root: then PostgreSQL runs as whoever runs the tool.
    fn choose() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").context("reading the list of users")?;
        let found = Self::named(&users, "postgres").or_else(|| Self::named(&users, "nobody"));
        found.map(Some).context("PostgreSQL must not run as root, and there is no user `postgres` or `nobody`")
    }

    fn named(users: &str, name: &str) -> Option<Self> {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let account = Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? };
        (account.uid != 0).then_some(account)
    }
}

/// The program as the account, ended by the kernel when this tool dies.
fn as_account(account: Option<&Account>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(account) = account {
        command.args([format!("--reuid={}", account.uid), format!("--regid={}", account.gid)]).arg("--clear-groups");
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program).stdin(Stdio::null());
    command
}

/// Folder of `initdb` and `postgres`; Debian keeps them out of the search path, one folder a version.
fn programs() -> Result<PathBuf> {
    if let Some(found) = find_programs() {
        return Ok(found);
    }
    install()?;
    find_programs().context("PostgreSQL was installed, but there is no `initdb` in /usr/lib/postgresql")
}

fn find_programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| has_programs(bin))
        .max();
    let on_path = || env::split_paths(&env::var_os("PATH")?).find(|bin| has_programs(bin));
    newest.map(|(_, bin)| bin).or_else(on_path)
}

fn has_programs(bin: &Path) -> bool {
    bin.join("initdb").is_file() && bin.join("postgres").is_file()
}

fn install() -> Result<()> {
    if !geteuid().is_root() {
        bail!("PostgreSQL is not installed: install it (Debian: `apt-get install postgresql`) and try again");
    }
    println!("PostgreSQL is not here: installing it, once for this machine");
    apt(&["update"])?;
    apt(&["install", "postgresql-common"])?;
    // The package would create and start a cluster for everybody; ours is private and enough.
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    let before = fs::read_to_string(settings).unwrap_or_default();
    fs::write(settings, format!("{before}\ncreate_main_cluster = false\n"))
        .context("telling the package to create no cluster")?;
    apt(&["install", "postgresql"])
}

fn apt(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-y", "-o", "Dpkg::Options::=--force-confold", "--no-install-recommends"]);
    stage::run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// A new folder that the account may enter, beside the build where possible. Folders that crashed runs left are removed.
fn private_folder(workspace: &Workspace, account: Option<&Account>) -> Result<PathBuf> {
    let places = [workspace.scratch().join("postgres"), env::temp_dir().join("policykit-postgres")];
    for place in &places {
        fs::create_dir_all(place).with_context(|| format!("creating `{}`", place.display()))?;
        remove_leftovers(place);
        let folder = place.join(std::process::id().to_string());
        if folder.as_os_str().len() > SOCKET_DIR_LIMIT {
            continue;
        }
        fs::create_dir(&folder).with_context(|| format!("creating `{}`", folder.display()))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).context("closing the folder to others")?;
        if let Some(account) = account {
            chown(&folder, Some(account.uid), Some(account.gid)).context("handing the folder over")?;
        }
        // A checkout below a closed home folder cannot be reached by another user.
        let reachable = as_account(account, Path::new("test")).arg("-w").arg(&folder).status();
        if reachable.context("starting setpriv")?.success() {
            return Ok(folder);
        }
        fs::remove_dir(&folder).with_context(|| format!("removing `{}`", folder.display()))?;
    }
    bail!("the database's user can reach neither of {places:?}")
}

fn remove_leftovers(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        if is_number(&name) && !Path::new("/proc").join(&name).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_number(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.parse::<u32>().is_ok())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}

fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 16];
    let mut source = fs::File::open("/dev/urandom").context("opening the random source")?;
    source.read_exact(&mut bytes).context("reading the random source")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:PostgreSQL:/var/lib:/bin/sh\nbad:x:many:1::\n";

    #[test]
    fn an_account_is_found_by_its_name() {
        assert_eq!(Account::named(USERS, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(Account::named(USERS, "nobody"), None);
        assert_eq!(Account::named(USERS, "bad"), None);
    }

    #[test]
    fn root_is_never_chosen() {
        assert_eq!(Account::named(USERS, "root"), None);
    }

    #[test]
    fn passwords_differ() {
        let (one, other) = (random_hex().unwrap(), random_hex().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }

    #[test]
    fn only_folders_of_processes_that_are_gone_are_removed() {
        let place = env::temp_dir().join(format!("policykit-xtask-{}", random_hex().unwrap()));
        let own = std::process::id().to_string();
        for name in [own.as_str(), "4294967294", "notes"] {
            fs::create_dir_all(place.join(name)).unwrap();
        }
        remove_leftovers(&place);
        let mut left: Vec<_> = fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(left, [OsStr::new(&own), OsStr::new("notes")]);
    }
}
