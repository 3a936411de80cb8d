//! Whose word counts on where a request comes from.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

/// Networks of the proxies in front of this server. One on this machine is always believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Reads networks such as `10.0.0.0/8` and single addresses.
    ///
    /// # Errors
    /// What is wrong with the first that cannot be used.
    pub fn read<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        written.into_iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a proxy at this address is believed.
    pub fn trust(&self, address: IpAddr) -> bool {
        // What comes over a socket for both versions is written as one of version 6.
        let address = address.to_canonical();
        address.is_loopback() || self.0.iter().any(|network| network.contains(&address))
    }

    /// As they are written in the configuration.
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let read = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network: IpNet = read.map_err(|_| format!("names `{text}`, which is no network"))?;
    if network.prefix_len() == 0 {
        return Err(format!("names `{text}`, so that everybody could say where they come from"));
    }
    Ok(network.trunc())
}

/// Texts, written as a list in the file or with commas between them in a variable.
#[derive(Debug)]
pub(super) struct Several(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Several {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> de::Visitor<'de> for Texts {
            type Value = Vec<String>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of texts")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
                Ok(v.split(',').map(str::to_owned).collect())
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_any(Texts).map(Self)
    }
}
