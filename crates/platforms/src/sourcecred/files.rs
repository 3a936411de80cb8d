//! The files of an instance as they are published: packed or plain, and what is in them.

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};
use serde::{Deserialize, de::DeserializeOwned};

/// Longest file that is read, in bytes.
pub(super) const MOST_PUBLISHED: usize = 16 << 20;
/// Longest that a file may be once it is unpacked, in bytes. A few thousand bytes can be packed that unpack to gigabytes.
const MOST_UNPACKED: usize = 16 << 20;
/// How many values a file may hold. Two bytes of text can become a hundred of memory, so the length alone bounds nothing.
const MOST_VALUES: usize = 2_000_000;
/// How many people an instance may have.
pub(super) const MOST_PEOPLE: usize = 20_000;
/// How many identities may be one person, and how many accounts elsewhere somebody may have.
pub(super) const MOST_TOGETHER: usize = 1_000;
/// How much of a name is kept, in characters. It goes into records.
const MOST_NAME: usize = 300;
/// First byte of what is packed; JSON never begins with it.
const PACKED: u8 = 0x78;

/// The content of a file, unpacked if need be.
///
/// # Errors
/// What is wrong with it, in a few words.
pub(super) fn unpacked(published: Vec<u8>) -> Result<Vec<u8>, String> {
    let text = if published.first() == Some(&PACKED) {
        decompress_to_vec_zlib_with_limit(&published, MOST_UNPACKED).map_err(|error| match error.status {
            TINFLStatus::HasMoreOutput => format!("it is longer than {MOST_UNPACKED} bytes when it is unpacked"),
            _ => "it is packed and damaged".to_owned(),
        })?
    } else {
        published
    };
    // Between two values there is a comma. Those within texts are counted too, which no file that is meant comes near to.
    if text.iter().filter(|byte| **byte == b',').count() > MOST_VALUES {
        return Err(format!("it holds more than {MOST_VALUES} values"));
    }
    Ok(text)
}

/// Reads JSON.
///
/// # Errors
/// What is wrong with it, in a few words.
pub(super) fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| strange(&error))
}

/// What is said of a file that cannot be understood: where, and never what stands there, for whoever names an address is
/// not always somebody who may read what is there.
pub(super) fn strange(error: &serde_json::Error) -> String {
    format!("it is not what SourceCred writes (line {}, column {})", error.line(), error.column())
}

/// `output/accounts.json`: everything about everybody, where somebody has it written.
#[derive(Debug, Deserialize)]
pub(super) struct AccountsFile {
    pub(super) accounts: Vec<CredAccount>,
    #[serde(rename = "unclaimedAliases", default)]
    pub(super) unclaimed: Vec<Unclaimed>,
}

/// Somebody with an account.
#[derive(Debug, Deserialize)]
pub(super) struct CredAccount {
    pub(super) account: LedgerAccount,
    /// Per interval.
    #[serde(default)]
    pub(super) cred: Vec<f64>,
    #[serde(rename = "totalCred")]
    pub(super) total: f64,
}

/// An account of the ledger.
#[derive(Debug, Deserialize)]
pub(super) struct LedgerAccount {
    pub(super) identity: Identity,
    /// In units of 10⁻¹⁸.
    pub(super) balance: String,
    /// Also its own id.
    #[serde(rename = "mergedIdentityIds", default)]
    pub(super) merged: Vec<String>,
}

/// Who somebody is there.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) name: Name,
    pub(super) address: String,
    #[serde(default)]
    pub(super) aliases: Vec<Alias>,
}

impl Identity {
    /// About how much memory its texts take, in bytes.
    pub(super) fn weight(&self) -> usize {
        let aliases = self.aliases.iter().map(|alias| text(&alias.address));
        text(&self.id) + text(&self.name.0) + text(&self.address) + aliases.sum::<usize>()
    }
}

/// About how much memory a text takes, in bytes.
pub(super) const fn text(text: &str) -> usize {
    // Where it is, how long it is, and what the memory around it costs.
    text.len() + 48
}

/// About how much memory these take, in bytes.
pub(super) fn texts(texts: &[String]) -> usize {
    texts.iter().map(|one| text(one)).sum()
}

/// What somebody is called, as far as it can be recorded: without what no record can hold, and not of any length.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
pub(super) struct Name(pub(super) String);

impl From<String> for Name {
    fn from(written: String) -> Self {
        Self(written.chars().filter(|c| !c.is_control()).take(MOST_NAME).collect())
    }
}

/// An account elsewhere.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Alias {
    pub(super) address: String,
}

/// Somebody who contributed and has no account yet.
#[derive(Debug, Deserialize)]
pub(super) struct Unclaimed {
    /// Older versions wrote the address beside the numbers.
    alias: Option<Alias>,
    address: Option<String>,
    #[serde(default)]
    pub(super) cred: Vec<f64>,
    #[serde(rename = "totalCred")]
    total: Option<f64>,
}

impl Unclaimed {
    pub(super) fn address(&self) -> Option<&str> {
        self.alias.as_ref().map(|alias| alias.address.as_str()).or(self.address.as_deref())
    }

    pub(super) fn total(&self) -> f64 {
        self.total.unwrap_or_else(|| self.cred.iter().sum())
    }
}

/// `output/credGrainView`: what every instance has.
#[derive(Debug, Deserialize)]
pub(super) struct ViewFile {
    pub(super) participants: Vec<Participant>,
}

impl ViewFile {
    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let of_one = |one: &Participant| {
            size_of::<Participant>() + one.identity.weight() + one.per_interval.capacity() * size_of::<f64>()
        };
        self.participants.iter().map(of_one).sum()
    }
}

/// Somebody with an account, without what is in the ledger alone.
#[derive(Debug, Deserialize)]
pub(super) struct Participant {
    pub(super) identity: Identity,
    pub(super) cred: f64,
    #[serde(rename = "credPerInterval", default)]
    pub(super) per_interval: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use serde_json::json;

    use super::*;

    #[test]
    fn packed_and_plain_files_hold_the_same() {
        let text = br#"{"participants":[]}"#.to_vec();
        assert_eq!(unpacked(text.clone()).unwrap(), text);
        assert_eq!(unpacked(compress_to_vec_zlib(&text, 6)).unwrap(), text);
    }

    #[test]
    fn what_unpacks_to_more_than_is_reasonable_is_not_unpacked() {
        let bomb = compress_to_vec_zlib(&vec![b' '; MOST_UNPACKED + 1], 9);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        let told = unpacked(bomb).unwrap_err();
        assert!(told.contains("longer than"), "{told}");
    }

    #[test]
    fn what_holds_more_values_than_is_reasonable_is_not_read() {
        let zeros = |count: usize| format!("[0{}]", ",0".repeat(count)).into_bytes();
        assert!(unpacked(zeros(MOST_VALUES)).is_ok());
        for file in [zeros(MOST_VALUES + 1), compress_to_vec_zlib(&zeros(MOST_VALUES + 1), 6)] {
            let told = unpacked(file).unwrap_err();
            assert!(told.contains("more than 2000000 values"), "{told}");
        }
    }

    #[test]
    fn names_are_kept_as_far_as_they_can_be_recorded() {
        let Name(name) = serde_json::from_value(json!(format!("a\u{0}{}", "b".repeat(1_000)))).unwrap();
        assert_eq!(name, format!("a{}", "b".repeat(299)));
    }

    #[test]
    fn what_cannot_be_understood_is_not_quoted() {
        let told = json::<ViewFile>(br#"{"participants":"a secret"}"#).unwrap_err();
        assert_eq!(told, "it is not what SourceCred writes (line 1, column 26)");
    }

    #[test]
    fn what_is_damaged_is_said_to_be() {
        let mut packed = compress_to_vec_zlib(b"{\"participants\":[]}", 6);
        packed.truncate(packed.len() - 6);
        assert_eq!(unpacked(packed).unwrap_err(), "it is packed and damaged");
        let mut packed = compress_to_vec_zlib(b"{\"participants\":[]}", 6);
        let last = packed.len() - 1;
        packed[last] ^= 1;
        assert_eq!(unpacked(packed).unwrap_err(), "it is packed and damaged", "the sum at the end decides");
    }

    #[test]
    fn numbers_out_of_range_are_no_numbers() {
        let told =
            json::<ViewFile>(br#"{"participants":[{"identity":{"id":"a","name":"a","address":""},"cred":1e999}]}"#);
        assert!(told.unwrap_err().starts_with("it is not what SourceCred writes"));
    }
}
