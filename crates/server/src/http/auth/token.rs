//! Secret tokens: what a browser holds, and what is stored of it.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A secret token, as the visitor holds it.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// A fresh one.
    pub(crate) fn fresh() -> Self {
        Self(hex::encode(rand::random::<[u8; 32]>()))
    }

    /// One that a visitor brought.
    pub(crate) fn brought(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether a text may be one at all. What is none need not be looked for.
    pub(crate) fn is_one(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The text, for the visitor alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }

    /// The token of a session's forms: follows from the session, tells nothing about it.
    pub(crate) fn csrf(&self) -> String {
        hex::encode(Sha256::digest(format!("form\n{}", self.0)))
    }

    /// Whether a form carries the token of this session's forms.
    pub(crate) fn signs(&self, csrf: &str) -> bool {
        bool::from(csrf.as_bytes().ct_eq(self.csrf().as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_do_not_print_and_are_stored_as_something_else() {
        let (a, b) = (Token::fresh(), Token::fresh());
        assert_ne!(a.reveal(), b.reveal());
        assert!(Token::is_one(a.reveal()));
        for other in [String::new(), "a".repeat(63), "a".repeat(65), "G".repeat(64), "é".repeat(32)] {
            assert!(!Token::is_one(&other), "{other}");
        }
        assert!(!format!("{a:?}").contains(a.reveal()));
        assert_ne!(hex::encode(a.hash()), a.csrf());
        assert!(!a.csrf().contains(a.reveal()) && a.hash() != a.reveal().as_bytes());
    }

    #[test]
    fn a_form_is_signed_by_its_own_session_alone() {
        let (a, b) = (Token::fresh(), Token::fresh());
        assert!(a.signs(&a.csrf()));
        for other in [b.csrf(), String::new(), a.reveal().to_owned(), a.csrf().to_uppercase()] {
            assert!(!a.signs(&other), "{other}");
        }
    }
}
