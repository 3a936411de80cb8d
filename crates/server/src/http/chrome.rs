//! What a page needs around its content: whose community it is, who looks, where in the navigation it stands.

use policykit_core::Timestamp;

use super::assets;

/// The pages that the navigation leads to. A page belongs to the longest address it begins with.
const NAVIGATION: [(&str, &str); 6] = [
    ("/main", "Home"),
    ("/main/proposals", "Proposals"),
    ("/main/policies", "Rules"),
    ("/main/members", "Members"),
    ("/main/decisions", "Record"),
    ("/main/settings", "Settings"),
];

/// Pages that stand below another entry than their address says.
const ELSEWHERE: [(&str, &str); 3] =
    [("/proposals", "/main/proposals"), ("/main/roles", "/main/members"), ("/main/documents", "/main/policies")];

/// What every page needs around its content. Empty for visitors: they get no navigation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chrome {
    csrf: Option<String>,
    community: Option<String>,
    viewer: Option<String>,
    path: String,
    /// Whether the viewer runs this server.
    pub(crate) operator: bool,
    /// How many votes wait for the viewer.
    pub(crate) waiting: usize,
    theme: Option<Theme>,
    now: Option<Timestamp>,
}

/// A choice of colours that differs from the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Name of the cookie that keeps the choice.
    pub(crate) const COOKIE: &'static str = "theme";

    /// Reads the value of the cookie.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// An entry of the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it leads.
    pub(crate) href: &'static str,
    /// What it is called.
    pub(crate) word: &'static str,
    /// Whether the page stands below it.
    pub(crate) current: bool,
}

impl Chrome {
    /// How far the votes that wait are counted.
    pub(crate) const MOST_WAITING: usize = 99;

    /// How many votes wait for the viewer, in a few signs; `None` when none does.
    pub(crate) fn waiting_words(&self) -> Option<String> {
        match self.waiting {
            0 => None,
            n if n > Self::MOST_WAITING => Some(format!("{}+", Self::MOST_WAITING)),
            n => Some(n.to_string()),
        }
    }

    /// For a visitor who is signed in, with the token of their forms.
    pub(crate) fn signed_in(csrf: String) -> Self {
        Self { csrf: Some(csrf), ..Self::default() }
    }

    /// In this community, whose name stands above the page.
    #[must_use]
    pub(crate) fn inside(self, community: impl Into<String>) -> Self {
        Self { community: Some(community.into()), ..self }
    }

    /// Seen by a person of this name.
    #[must_use]
    pub(crate) fn seen_by(self, viewer: impl Into<String>) -> Self {
        Self { viewer: Some(viewer.into()), ..self }
    }

    /// At this address: it decides which entry of the navigation is marked.
    #[must_use]
    pub(crate) fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// In these colours, whatever the system says.
    #[must_use]
    pub(crate) fn themed(self, theme: Option<Theme>) -> Self {
        Self { theme, ..self }
    }

    /// Made at this moment, by the server's clock.
    #[must_use]
    pub(crate) fn made_at(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// When the page was made: a browser's clock may be another one.
    pub(crate) fn now(&self) -> Option<String> {
        self.now.map(|now| now.to_string())
    }

    /// The colours to use, when they were chosen.
    pub(crate) fn theme(&self) -> Option<&'static str> {
        self.theme.map(Theme::as_str)
    }

    /// Address of the style sheet.
    #[expect(clippy::unused_self, reason = "templates call it on what they are given")]
    pub(crate) const fn css(&self) -> &'static str {
        assets::stylesheet()
    }

    /// Address of the script, when the program has one.
    #[expect(clippy::unused_self, reason = "templates call it on what they are given")]
    pub(crate) const fn script(&self) -> Option<&'static str> {
        assets::script()
    }

    /// Address of the sign.
    #[expect(clippy::unused_self, reason = "templates call it on what they are given")]
    pub(crate) fn mark(&self) -> &'static str {
        assets::mark()
    }

    /// The token of this visitor's forms, when signed in.
    pub(crate) fn csrf(&self) -> Option<&str> {
        self.csrf.as_deref()
    }

    /// The community's name, inside one.
    pub(crate) fn community(&self) -> Option<&str> {
        self.community.as_deref()
    }

    /// Who looks, when known.
    pub(crate) fn viewer(&self) -> Option<&str> {
        self.viewer.as_deref()
    }

    /// The viewer's initials, two at most.
    pub(crate) fn initials(&self) -> String {
        let words = self.viewer().unwrap_or_default().split_whitespace();
        words
            .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()))
            .take(2)
            .flat_map(char::to_uppercase)
            .collect()
    }

    /// The navigation, for whoever is signed in and looks at a community.
    pub(crate) fn navigation(&self) -> Vec<Entry> {
        if self.csrf.is_none() || self.community.is_none() {
            return Vec::new();
        }
        let below = |base: &str| {
            self.path
                .strip_prefix(base)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('?'))
        };
        let elsewhere = ELSEWHERE.iter().find(|(from, _)| below(from)).map(|(_, to)| *to);
        let own = NAVIGATION.iter().map(|(href, _)| *href).filter(|href| below(href)).max_by_key(|href| href.len());
        // The first page is no folder: what is below it and in no other entry belongs to none.
        let own = own.filter(|href| *href != "/main" || self.path.trim_end_matches('/') == "/main");
        let here = elsewhere.or(own);
        NAVIGATION.iter().map(|&(href, word)| Entry { href, word, current: here == Some(href) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(path: &str) -> Vec<&'static str> {
        let chrome = Chrome::signed_in("x".to_owned()).inside("Makers").at(path);
        chrome.navigation().into_iter().filter(|entry| entry.current).map(|entry| entry.word).collect()
    }

    #[test]
    fn the_entry_that_a_page_stands_below_is_marked() {
        for (path, word) in [
            ("/main", "Home"),
            ("/main/policies", "Rules"),
            ("/main/policies/7/versions/2", "Rules"),
            ("/main/documents/7", "Rules"),
            ("/main/roles/7", "Members"),
            ("/proposals/7", "Proposals"),
            ("/main/settings/integrations", "Settings"),
        ] {
            assert_eq!(current(path), [word], "{path}");
        }
        for path in ["", "/main/you", "/main/communities", "/mainly"] {
            assert!(current(path).is_empty(), "{path}");
        }
    }

    #[test]
    fn nobody_is_led_through_a_community_that_they_do_not_look_at() {
        assert!(Chrome::default().at("/main").navigation().is_empty());
        assert!(Chrome::default().inside("Makers").at("/main").navigation().is_empty());
        assert!(Chrome::signed_in("x".to_owned()).at("/main").navigation().is_empty());
    }

    #[test]
    fn votes_that_wait_are_counted_as_far_as_there_is_room() {
        let words = |waiting| Chrome { waiting, ..Chrome::default() }.waiting_words();
        assert_eq!(words(0), None);
        assert_eq!(
            (words(1).as_deref(), words(99).as_deref(), words(100).as_deref()),
            (Some("1"), Some("99"), Some("99+"))
        );
    }

    #[test]
    fn initials_are_two_letters_at_most() {
        let of = |name: &str| Chrome::default().seen_by(name).initials();
        assert_eq!(of("Ama Owusu"), "AO");
        assert_eq!(of("émile de la Tour"), "ÉD");
        assert_eq!((of("(bob)"), of("")), ("B".to_owned(), String::new()));
    }
}
