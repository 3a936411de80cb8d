//! Points around each commit at which a crash test can stop the world.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use futures::future::BoxFuture;

/// Told of each point that is reached, and waited for.
pub trait Probe: Send + Sync {
    /// Reached `point`: `LABEL.before` (nothing of the transaction has begun), `LABEL.commit` (everything is written,
    /// nothing committed) or `LABEL.after` (committed, nobody told yet), where `LABEL` is [`crate::Changes::label`], or
    /// `commit` when that is empty. A delivery has `T1.commit`.
    fn at(&self, point: &'static str) -> BoxFuture<'static, ()>;
}

/// The three points of a label.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points {
    pub(crate) before: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) after: &'static str,
}

impl Points {
    pub(crate) fn of(label: &'static str) -> Self {
        static KNOWN: OnceLock<Mutex<HashMap<&'static str, Points>>> = OnceLock::new();
        let label = if label.is_empty() { "commit" } else { label };
        let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(label).or_insert_with(|| {
            // Labels are literals of the source, so this happens a handful of times in the life of a process.
            let name = |point: &str| -> &'static str { Box::leak(format!("{label}.{point}").into_boxed_str()) };
            Points { before: name("before"), commit: name("commit"), after: name("after") }
        })
    }
}
