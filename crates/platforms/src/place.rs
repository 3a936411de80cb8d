//! A place that somebody named by its address, such as a forum: how the address is read, and who vouches for it.

use url::Url;

use crate::{http::Trust, platform::AppConfig};

/// The operator's setting: hosts, separated by commas, that may be read although they are private or not https. Every
/// community may name them, so one without a port stands for the ports of the web alone, not for whatever else listens there.
const ALLOW_HOSTS: &str = "allow_hosts";
/// Longest address, in characters.
const MOST_CHARS: usize = 150;

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Ends in a slash.
    base: Url,
    trust: Trust,
}

impl Place {
    /// Reads an address as somebody copies it from their browser.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn at(text: &str, app: &AppConfig) -> Result<Self, String> {
        let text = text.trim();
        let mut base = Url::parse(text)
            .map_err(|_| format!("`{text}` is no address; it begins with https:// and names a host"))?;
        let Some(host) = base.host_str().map(str::to_owned) else {
            return Err(format!("`{text}` names no host"));
        };
        // A dot at its end is the same host.
        let host = host.trim_end_matches('.').to_owned();
        base.set_host(Some(&host)).map_err(|_| format!("`{text}` names no host"))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(format!("`{text}` is no web address; it begins with https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err("an address with a name or password in it is not kept".to_owned());
        }
        // Its own pages are told apart by what follows these marks; they all belong to the same place.
        base.set_query(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches("index.html").trim_end_matches('/').to_owned();
        base.set_path(&format!("{path}/"));
        if base.as_str().chars().count() > MOST_CHARS {
            return Err(format!("the address is longer than {MOST_CHARS} characters"));
        }
        let port = base.port_or_known_default();
        let allowed = app.settings.get(ALLOW_HOSTS).map(String::as_str).unwrap_or_default();
        let is_allowed = allowed.split(',').any(|one| match one.trim().strip_prefix(host.as_str()) {
            Some("") => matches!(port, Some(80 | 443)),
            Some(":*") => true,
            Some(named) => port.is_some_and(|port| named == format!(":{port}")),
            None => false,
        });
        let trust = if is_allowed { Trust::Operator } else { Trust::Outside };
        Ok(Self { base, trust })
    }

    /// Who vouches for the address.
    pub(crate) const fn trust(&self) -> Trust {
        self.trust
    }

    /// Where something of it is.
    ///
    /// # Errors
    /// When it is no path.
    pub(crate) fn file(&self, path: &str) -> Result<Url, String> {
        self.base.join(path).map_err(|error| format!("`{path}` is no path ({error})"))
    }

    /// Its address, which is also its id.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What it is called where nothing there says so.
    pub(crate) fn name(&self) -> String {
        self.address().trim_start_matches("https://").trim_start_matches("http://").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, allowed: &str) -> Result<Place, String> {
        let settings = [(ALLOW_HOSTS.to_owned(), allowed.to_owned())].into();
        Place::at(text, &AppConfig { settings, ..AppConfig::default() })
    }

    #[test]
    fn one_place_has_one_address_however_it_is_copied() {
        for text in [
            "https://cred.example.org",
            " https://cred.example.org/ ",
            "https://cred.example.org./",
            "https://CRED.example.org/#/explorer",
            "https://cred.example.org/index.html?x=1",
        ] {
            let instance = at(text, "").unwrap();
            assert_eq!(
                (instance.address(), instance.name().as_str()),
                ("https://cred.example.org", "cred.example.org")
            );
        }
        let below = at("https://example.org/cred/instance/", "").unwrap();
        assert_eq!(below.address(), "https://example.org/cred/instance");
        assert_eq!(below.file("output/x").unwrap().as_str(), "https://example.org/cred/instance/output/x");
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_do() {
        let long = format!("https://example.org/{}", "a".repeat(150));
        for text in
            ["", "cred.example.org", "ftp://example.org", "file:///etc/passwd", "https://a:b@example.org", &long]
        {
            assert!(at(text, "").is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_operator_vouches_for_a_host() {
        let trust = |text, allowed| at(text, allowed).unwrap().trust();
        assert_eq!(trust("http://10.0.0.7:8000", ""), Trust::Outside);
        assert_eq!(trust("http://10.0.0.7:8000", "a.example, 10.0.0.7:8000"), Trust::Operator);
        assert_eq!(trust("http://10.0.0.7:8001", "a.example, 10.0.0.7:8000"), Trust::Outside);
        assert_eq!(trust("https://b.a.example", "a.example"), Trust::Outside);
        assert_eq!(trust("https://a.example.b", "a.example"), Trust::Outside);
        assert_eq!(trust("https://a.example", "a.example:443"), Trust::Operator);
        assert_eq!(trust("http://a.example", "a.example:443"), Trust::Outside);
    }

    #[test]
    fn a_host_without_a_port_is_that_of_the_web_alone() {
        let trust = |text, allowed| at(text, allowed).unwrap().trust();
        for text in ["http://10.0.0.7", "https://10.0.0.7", "https://10.0.0.7:80"] {
            assert_eq!(trust(text, "10.0.0.7"), Trust::Operator, "{text}");
        }
        for text in ["http://10.0.0.7:8000", "http://10.0.0.7:9200", "https://10.0.0.7:8443"] {
            assert_eq!(trust(text, "10.0.0.7"), Trust::Outside, "{text}");
            assert_eq!(trust(text, "10.0.0.7:*"), Trust::Operator, "{text}");
        }
    }
}
