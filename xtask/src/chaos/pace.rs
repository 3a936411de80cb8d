//! Waiting, always bounded.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::stage::Stopwatch;

/// How long to wait between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// Lets time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "a script of what people do takes time, and nothing here serves requests"
)]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Looks again and again until there is something, at most for `limit`.
pub(super) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if watch.elapsed() > limit {
            bail!("{what}: not within {} seconds", limit.as_secs());
        }
        pause(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_ends_with_what_is_found_or_with_the_limit() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(10), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.unwrap(), 3);
        let never = until("the cows", Duration::ZERO, || Ok(None::<()>));
        assert!(never.unwrap_err().to_string().contains("the cows"));
    }
}
