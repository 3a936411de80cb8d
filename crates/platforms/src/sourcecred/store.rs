//! What instances publish, read again only when it may have changed.
//!
//! Policies ask often and instances change daily at most. An answer holds for a minute; after that every file is asked for
//! with the mark of the version that is known. What could not be read is not asked for again at once. Nothing older than
//! that is ever handed out: a rule must not go by numbers of which nobody knows whether they are still true.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use policykit_core::Timestamp;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    files::{self, MOST_PUBLISHED, ViewFile},
    instance::Instance,
    ledger::Ledger,
    standing::Standing,
};
use crate::{
    http::{Fetch, Fetched, Http},
    platform::CallError,
};

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(60);
/// How long what could not be read is left alone.
const PAUSE: Duration = Duration::from_secs(10);
/// How long reading an instance may take altogether.
const BUDGET: Duration = Duration::from_secs(9);
/// How much is kept of all instances together, in bytes of memory.
const MOST_KEPT: usize = 128 << 20;
/// How much of it may come of one file.
const MOST_OF_ONE: usize = 32 << 20;
/// How many addresses that somebody entered are looked at, at one time.
const MOST_LOOKS: usize = 4;
/// How much of what is wrong with a file is said, in characters. It may quote the file.
const MOST_SAID: usize = 300;

const ACCOUNTS: &str = "output/accounts.json";
const VIEW: &str = "output/credGrainView";
const PLAIN_VIEW: &str = "output/credGrainView.json";
const LEDGER: &str = "data/ledger.json";

/// Reads instances and remembers them.
pub(super) struct Store {
    http: Arc<Http>,
    kept: Mutex<HashMap<String, Arc<Kept>>>,
    /// Counts up with every use.
    uses: AtomicU64,
    /// Whoever unpacks and reads a file has this. A file of some kilobytes can take a hundred megabytes while it is read.
    reading: Arc<Semaphore>,
    looking: Semaphore,
}

/// What is known of an instance. Whoever comes while it is read waits and finds it.
#[derive(Debug, Default)]
struct Kept {
    state: tokio::sync::Mutex<State>,
    weight: AtomicUsize,
    used: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    standing: Option<(Timestamp, Arc<Standing>)>,
    failed: Option<(Timestamp, CallError)>,
    files: Files,
}

/// The files that are known, with what is in them.
#[derive(Debug, Default, Clone)]
struct Files {
    accounts: Option<Known<Standing>>,
    view: Option<Known<ViewFile>>,
    plain_view: Option<Known<ViewFile>>,
    ledger: Option<Known<Ledger>>,
}

impl Files {
    fn weight(&self) -> usize {
        let of_views = [&self.view, &self.plain_view].into_iter().flatten().map(|known| known.weight);
        let accounts = self.accounts.as_ref().map(|known| known.weight);
        let ledger = self.ledger.as_ref().map(|known| known.weight);
        of_views.chain(accounts).chain(ledger).sum()
    }
}

#[derive(Debug)]
struct Known<T> {
    mark: Option<String>,
    content: Arc<T>,
    /// About how much memory it takes, in bytes.
    weight: usize,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self { mark: self.mark.clone(), content: Arc::clone(&self.content), weight: self.weight }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn new(http: Arc<Http>) -> Self {
        let (reading, looking) = (Arc::new(Semaphore::new(1)), Semaphore::new(MOST_LOOKS));
        Self { http, kept: Mutex::default(), uses: AtomicU64::new(0), reading, looking }
    }

    /// How everybody stands at an instance.
    ///
    /// # Errors
    /// [`CallError::Refused`] with what is wrong, in plain words; [`CallError::Retry`] when it may be read later.
    pub(super) async fn standing(&self, instance: &Instance, now: Timestamp) -> Result<Arc<Standing>, CallError> {
        let kept = self.kept(instance);
        let mut state = kept.state.lock().await;
        if let Some((at, standing)) = &state.standing
            && *at <= now
            && now < *at + FRESH
        {
            return Ok(Arc::clone(standing));
        }
        if let Some((at, error)) = &state.failed
            && *at <= now
            && now < *at + PAUSE
        {
            return Err(error.clone());
        }
        match self.read(instance, state.files.clone()).await {
            Ok((standing, files)) => {
                kept.weight.store(files.weight() + standing.weight(), Ordering::Relaxed);
                *state = State { standing: Some((now, Arc::clone(&standing))), failed: None, files };
                drop(state);
                self.make_room(instance);
                Ok(standing)
            }
            Err(error) => {
                state.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    /// Reads an instance, whatever is known of it, and keeps nothing.
    ///
    /// # Errors
    /// As [`Store::standing`].
    pub(super) async fn look(&self, instance: &Instance) -> Result<Arc<Standing>, CallError> {
        let Ok(Ok(_one_of_few)) = timeout(BUDGET, self.looking.acquire()).await else {
            return Err(trouble("many addresses are being looked at just now".to_owned()));
        };
        self.read(instance, Files::default()).await.map(|(standing, _)| standing)
    }

    async fn read(&self, instance: &Instance, files: Files) -> Result<(Arc<Standing>, Files), CallError> {
        match timeout(BUDGET, self.read_files(instance, files)).await {
            // A read is not tried again at once: what took too long once takes too long again.
            Ok(Err(CallError::Unknown { reason })) => Err(trouble(reason)),
            Ok(result) => result,
            Err(_) => Err(trouble(format!("{} took longer than {} seconds", instance.address(), BUDGET.as_secs()))),
        }
    }

    /// What is known is changed only when everything could be read, so that a mark never stands for what was not used.
    async fn read_files(&self, instance: &Instance, mut files: Files) -> Result<(Arc<Standing>, Files), CallError> {
        let accounts = |text: &[u8]| files::json(text).and_then(Standing::of_accounts).map(weighed(Standing::weight));
        let participants = |text: &[u8]| files::json(text).map(weighed(ViewFile::weight));
        let ledger = |text: &[u8]| Ledger::read(text).map(weighed(Ledger::weight));
        if let Some(standing) = self.file(instance, ACCOUNTS, &mut files.accounts, accounts).await? {
            return Ok((standing, Files { accounts: files.accounts, ..Files::default() }));
        }
        let mut view = self.file(instance, VIEW, &mut files.view, participants).await?;
        if view.is_none() {
            view = self.file(instance, PLAIN_VIEW, &mut files.plain_view, participants).await?;
        }
        let Some(view) = view else {
            return Err(never(format!(
                "there is no SourceCred instance at {}: it has neither {ACCOUNTS} nor {VIEW}",
                instance.address()
            )));
        };
        let ledger = self.file(instance, LEDGER, &mut files.ledger, ledger).await?;
        let standing = Standing::of_view(&view, ledger.as_deref());
        let standing = standing.map_err(|why| never(format!("{} cannot be read: {why}", instance.address())))?;
        Ok((Arc::new(standing), files))
    }

    /// Reads a file; `None` when there is none.
    async fn file<T: Send + Sync + 'static>(
        &self,
        instance: &Instance,
        path: &str,
        known: &mut Option<Known<T>>,
        read: impl FnOnce(&[u8]) -> Result<(T, usize), String> + Send + 'static,
    ) -> Result<Option<Arc<T>>, CallError> {
        let fetch = Fetch {
            url: instance.file(path).map_err(never)?,
            trust: instance.trust(),
            known: known.as_ref().and_then(|known| known.mark.clone()),
            most: MOST_PUBLISHED,
            bucket: format!("sourcecred:{}", instance.address()),
        };
        let said = |why: &str| {
            let why: String = why.chars().take(MOST_SAID).collect();
            format!("`{}/{path}` cannot be read: {why}", instance.address())
        };
        let wrong = |why: &str| never(said(why));
        let fetched = self.http.fetch(&fetch).await.map_err(|error| match error {
            CallError::Retry { after_ms, reason } => CallError::Retry { after_ms, reason: said(&reason) },
            CallError::Unknown { reason } => trouble(said(&reason)),
            other => wrong(other.reason()),
        })?;
        let (body, mark) = match fetched {
            Fetched::Same => return Ok(known.as_ref().map(|known| Arc::clone(&known.content))),
            Fetched::File { body, mark } if !is_page(&body) => (body, mark),
            // Where an instance is published as an app, what is not there is answered with its first page.
            Fetched::File { .. } | Fetched::Missing => {
                *known = None;
                return Ok(None);
            }
        };
        let only_one =
            Arc::clone(&self.reading).acquire_owned().await.map_err(|error| trouble(said(&error.to_string())))?;
        let parsed = spawn_blocking(move || {
            // Goes with the work, which goes on when nobody waits for it any more.
            let _only_one = only_one;
            let (content, weight) = read(&files::unpacked(body)?)?;
            if weight > MOST_OF_ONE {
                return Err(format!("it takes more than {MOST_OF_ONE} bytes of memory"));
            }
            Ok((content, weight))
        });
        let (content, weight) =
            parsed.await.map_err(|error| trouble(said(&error.to_string())))?.map_err(|why: String| wrong(&why))?;
        let content = Arc::new(content);
        *known = Some(Known { mark, content: Arc::clone(&content), weight });
        Ok(Some(content))
    }

    fn kept(&self, instance: &Instance) -> Arc<Kept> {
        let kept = Arc::clone(self.all().entry(instance.address().to_owned()).or_default());
        kept.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        kept
    }

    /// Forgets what was not used for the longest time, but not this.
    fn make_room(&self, but: &Instance) {
        let mut all = self.all();
        let mut sum: usize = all.values().map(|kept| kept.weight.load(Ordering::Relaxed)).sum();
        while sum > MOST_KEPT {
            let others = all.iter().filter(|(address, _)| *address != but.address());
            let Some(oldest) = others.min_by_key(|(_, kept)| kept.used.load(Ordering::Relaxed)) else { return };
            let address = oldest.0.clone();
            let Some(gone) = all.remove(&address) else { return };
            sum = sum.saturating_sub(gone.weight.load(Ordering::Relaxed));
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something with its weight.
fn weighed<T>(weight: fn(&T) -> usize) -> impl FnOnce(T) -> (T, usize) {
    move |content| {
        let weight = weight(&content);
        (content, weight)
    }
}

/// Whether this is a page for people.
fn is_page(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn trouble(reason: String) -> CallError {
    CallError::Retry { after_ms: u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX), reason }
}

/// What asking again will not help.
fn never(reason: String) -> CallError {
    CallError::Refused { reason }
}
