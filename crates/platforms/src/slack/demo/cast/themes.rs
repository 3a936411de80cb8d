//! The material of the demo: names, words, and what communities of different kinds talk about.

/// What a community is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Theme {
    /// What its people call themselves.
    pub(super) people: &'static str,
    /// Said in the main channel.
    pub(super) news: &'static str,
    /// Said where anything goes.
    pub(super) chatter: &'static str,
    /// Said where things are shown.
    pub(super) shown: &'static str,
    /// What the newcomer writes before a link.
    pub(super) found: &'static str,
    /// Where that link leads.
    pub(super) page: &'static str,
    /// Names for the channel where anything goes.
    pub(super) wishes: &'static [&'static str],
}

pub(super) static THEMES: [Theme; 5] = [
    Theme {
        people: "Makers",
        news: "The bandsaw is back. New blade, please go easy on it.",
        chatter: "Who left forty wooden spoons on the big table?",
        shown: "First bowl that holds soup.",
        found: "Found this for the lathe",
        page: "free-chisels",
        wishes: &["workbench", "sawdust", "offcuts"],
    },
    Theme {
        people: "Gardeners",
        news: "The water is on again. Please close the lower tap when you leave.",
        chatter: "Does anybody want eleven courgettes? They are large.",
        shown: "The first fig that the birds left us.",
        found: "Seeds for the shady beds",
        page: "shade-seeds",
        wishes: &["compost", "greenhouse", "potting-shed"],
    },
    Theme {
        people: "Choir",
        news: "The hall is ours on Thursdays until June.",
        chatter: "Somebody hummed the alto line on the bus and I could not sit still.",
        shown: "Our recording from Sunday, with only one cough.",
        found: "Sheet music for the winter concert",
        page: "winter-songs",
        wishes: &["humming", "tea-break", "after-rehearsal"],
    },
    Theme {
        people: "Cyclists",
        news: "The pump by the bridge works again. Bring your own gloves.",
        chatter: "Whose yellow helmet is on the fence?",
        shown: "Three days, two mountains, no puncture.",
        found: "A map of the quiet roads",
        page: "quiet-roads",
        wishes: &["pit-stop", "tailwind", "workshop"],
    },
    Theme {
        people: "Stargazers",
        news: "The roof opens by hand now. The motor comes back in spring.",
        chatter: "I have read the manual of the mount. Twice. Ask me anything.",
        shown: "Saturn, through a thin cloud and a great deal of hope.",
        found: "Cheap filters for city skies",
        page: "city-filters",
        wishes: &["night-shift", "dark-corner", "dome"],
    },
];

pub(super) const PLACES: &[&str] =
    &["Riverbend", "Millbrook", "Harbourside", "Northgate", "Oakfield", "Westhill", "Bridgend", "Lowmarsh", "Eastwick"];

/// Words that a community may be tired of. None of them is a part of another one or of anything said above.
pub(super) const WORDS: &[&str] =
    &["spoiler", "riddle", "raffle", "horoscope", "coupon", "limerick", "karaoke", "prophecy", "jackpot", "gossip"];

pub(super) const FIRST_NAMES: &[&str] = &[
    "Fen", "Ama", "Bob", "Grace", "Ines", "Theo", "Noor", "Kofi", "Lena", "Marta", "Oskar", "Piet", "Quinn", "Rosa",
    "Sami", "Tove", "Uma", "Viktor", "Wren", "Yara", "Dana", "Emre", "Hana", "Jonah", "Chidi", "Mei", "Luca", "Aino",
    "Ravi", "Sofia", "Tariq", "Zofia",
];

pub(super) const FAMILY_NAMES: &[&str] = &[
    "Li",
    "Owusu",
    "Lindqvist",
    "Tamura",
    "Carvalho",
    "Marsh",
    "Haddad",
    "Mensah",
    "Novak",
    "Okafor",
    "Pratt",
    "Silva",
    "Virtanen",
    "Whitfield",
    "Yilmaz",
    "Bauer",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fontaine",
    "Greco",
    "Horvat",
    "Iyer",
    "Jansen",
    "Kowalski",
    "Moreau",
    "Nakamura",
    "Petrov",
    "Quist",
    "Rossi",
];
