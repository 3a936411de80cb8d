//! What people are told when a journey came to nothing.

use policykit_engine::{InstallError, JourneyError};
use policykit_platforms::platform::ArrivalError;

use super::Aim;
use crate::http::AppState;

/// The answer to whoever set out for nothing.
pub(super) fn in_vain(app: &AppState, platform: &str, aim: Aim) -> String {
    let name = app.engine().registry().get(platform).map_or(platform, |p| p.descriptor().name);
    match aim {
        Aim::Connect | Aim::Finish => format!("PolicyKit was not added to {name}"),
        Aim::Return => format!("PolicyKit was not connected to {name} again"),
        Aim::Add(_) => format!("{name} was not added"),
        Aim::SignIn => "You are not signed in".to_owned(),
    }
}

/// Why nothing came of a journey, what to do about it and what is safe.
pub(crate) fn explain(error: &JourneyError) -> String {
    let why = match error {
        // It begins with a name.
        JourneyError::Arrival(ArrivalError::NotAdmin { .. }) => format!("{error}."),
        _ => sentence(&error.to_string()),
    };
    format!("{why} {}", remedy(error))
}

/// What to do about it, and what is safe.
pub(super) const fn remedy(error: &JourneyError) -> &'static str {
    match error {
        JourneyError::Arrival(ArrivalError::NotConfigured(_)) => {
            "Whoever runs this server can set it up; the page for operators says what is missing."
        }
        JourneyError::NotInstalledAt(_) => "Nothing was changed.",
        JourneyError::NotInstalled(_) => {
            "If you belong to several communities there, choose the one that uses PolicyKit on the page you were sent to; \
             else somebody who administers it there can add PolicyKit. Nothing was changed."
        }
        JourneyError::Removed(_) => {
            "Somebody who administers it there, and may add integrations here, can connect it again from the sign-in page. \
             Nothing was changed."
        }
        JourneyError::NeverHere(_) => {
            "Whoever runs this server connects new communities. Ask them, and tell them which community it is. Nothing was \
             changed."
        }
        JourneyError::NotRemoved(_) => {
            "Whoever may add integrations there can sign in and connect it anew in Settings. Nothing was changed."
        }
        JourneyError::NotCutShort(_) => "Sign in there, or ask those who look after it. Nothing was changed.",
        JourneyError::NotOneOfThem(_) => {
            "One of them who administers it there can connect it again, and so can whoever runs this server. Nothing was \
             changed."
        }
        JourneyError::NotYours(_) => {
            "Whoever may add integrations there can do so, in Settings or by installing it again. Nothing was changed."
        }
        JourneyError::NotMade(_) => {
            "Look at what is connected in Settings, then try again. Nothing that was entered was kept."
        }
        JourneyError::NotProposed(_) => "Put that right first, then add it again. Nothing was changed.",
        JourneyError::Another { .. } => {
            "Remove the one that is connected first, or choose that one again. Nothing was changed here."
        }
        JourneyError::Elsewhere(_) => "A place can belong to one community only. Nothing was changed.",
        // What is wrong was said, and only whoever entered it can know better.
        JourneyError::Install(
            InstallError::NotEnough(_) | InstallError::MissingAnswer(..) | InstallError::MissingCredential(..),
        ) => "Nothing was changed.",
        JourneyError::Install(_) | JourneyError::Store(_) => {
            "Try again; if it fails again, ask whoever runs this server."
        }
        JourneyError::Arrival(_) | JourneyError::NoPerson(_) | JourneyError::UnknownPlatform(_) => {
            "Nothing was changed."
        }
    }
}

/// A reason as a sentence of its own.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.trim().trim_end_matches('.').chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_sentences_with_what_to_do() {
        let error = JourneyError::Arrival(ArrivalError::NotAdmin {
            who: "bob".to_owned(),
            community: "Riverbend".to_owned(),
            remedy: "ask an administrator to open this page".to_owned(),
        });
        let text = explain(&error);
        assert_eq!(
            text,
            "bob does not administer Riverbend; ask an administrator to open this page. Nothing was changed."
        );
    }
}
