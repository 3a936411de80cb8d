//! Sealing a key for an application: RSA with its public key, padded as PKCS#1 v1.5 or as OAEP with SHA-1, which is what
//! OpenSSL takes unless told otherwise.
//!
//! Seals only; no secret exponent ever passes here.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use num_bigint::BigUint;
use rand::RngCore;
use sha1::{Digest as _, Sha1};

/// Length of a SHA-1 digest.
const DIGEST: usize = 20;

/// How the content is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    Pkcs1,
    Oaep,
}

impl Padding {
    /// Bytes that the padding takes.
    const fn room(self) -> usize {
        match self {
            Self::Pkcs1 => 11,
            Self::Oaep => 2 * DIGEST + 2,
        }
    }
}

/// An RSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    modulus: BigUint,
    exponent: BigUint,
}

/// Why something cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong {
    pub(super) most: usize,
}

impl PublicKey {
    /// Reads a key in PEM, as `PUBLIC KEY` or as `RSA PUBLIC KEY`.
    pub(super) fn read(pem: &str) -> Option<Self> {
        let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64_STANDARD.decode(body).ok()?;
        let mut outer = Der(&der).sequence()?;
        if pem.contains("BEGIN RSA PUBLIC KEY") {
            return Self::from_numbers(outer);
        }
        outer.sequence()?;
        let bits = outer.take(0x03)?;
        // The first byte says how many bits of the last are unused: none.
        Self::from_numbers(Der(bits.strip_prefix(&[0])?).sequence()?)
    }

    fn from_numbers(mut sequence: Der<'_>) -> Option<Self> {
        let (modulus, exponent) = (sequence.number()?, sequence.number()?);
        // Smaller keys than anybody accepts have no room for any padding.
        (modulus.bits() >= 512 && exponent.bits() >= 2).then_some(Self { modulus, exponent })
    }

    fn bytes(&self) -> usize {
        usize::try_from(self.modulus.bits().div_ceil(8)).unwrap_or(0)
    }

    /// Seals a content so that only the holder of the secret key reads it.
    pub(super) fn seal(&self, content: &[u8], padding: Padding, random: &mut dyn RngCore) -> Result<Vec<u8>, TooLong> {
        let size = self.bytes();
        let most = size.saturating_sub(padding.room());
        if content.len() > most {
            return Err(TooLong { most });
        }
        let block = match padding {
            Padding::Pkcs1 => pkcs1(content, size, random),
            Padding::Oaep => oaep(content, size, random),
        };
        let sealed = BigUint::from_bytes_be(&block).modpow(&self.exponent, &self.modulus).to_bytes_be();
        let mut padded = vec![0; size.saturating_sub(sealed.len())];
        padded.extend(sealed);
        Ok(padded)
    }
}

fn pkcs1(content: &[u8], size: usize, random: &mut dyn RngCore) -> Vec<u8> {
    let mut filler = vec![0; size.saturating_sub(3).saturating_sub(content.len())];
    random.fill_bytes(&mut filler);
    // The filler ends at the first zero, so it holds none.
    let filler = filler.into_iter().map(|byte| byte.max(1));
    [0, 2].into_iter().chain(filler).chain([0]).chain(content.iter().copied()).collect()
}

fn oaep(content: &[u8], size: usize, random: &mut dyn RngCore) -> Vec<u8> {
    let mut data: Vec<u8> = Sha1::digest([]).to_vec();
    data.resize(size.saturating_sub(DIGEST).saturating_sub(2).saturating_sub(content.len()), 0);
    data.push(1);
    data.extend(content);
    let mut seed = vec![0; DIGEST];
    random.fill_bytes(&mut seed);
    let data = masked(&data, &seed);
    let seed = masked(&seed, &data);
    [0].into_iter().chain(seed).chain(data).collect()
}

/// The data under the mask that grows from a seed.
fn masked(data: &[u8], seed: &[u8]) -> Vec<u8> {
    let blocks = (0_u32..).flat_map(|counter| {
        let mut hasher = Sha1::new();
        hasher.update(seed);
        hasher.update(counter.to_be_bytes());
        hasher.finalize().to_vec()
    });
    data.iter().zip(blocks).map(|(byte, mask)| byte ^ mask).collect()
}

/// What is left to read of a value in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (
                digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?,
                rest,
            )
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    fn sequence(&mut self) -> Option<Self> {
        self.take(0x30).map(Der)
    }

    fn number(&mut self) -> Option<BigUint> {
        self.take(0x02).map(BigUint::from_bytes_be)
    }
}
