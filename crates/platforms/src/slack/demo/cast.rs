//! Who plays in the demo, and with which words. Everything follows from one number, so that the same number is the same
//! community again.

mod themes;

use self::themes::{FAMILY_NAMES, FIRST_NAMES, PLACES, THEMES, Theme, WORDS};

/// The topic of the channel where things are shown.
pub(super) const TOPIC: &str = "What we have made, and what we have found";

/// The name of the rule about the word, as its policy has it.
const WORD_RULE: &str = "No {{word}} here";

/// What somebody is in the community.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Steward,
    Member,
    Newcomer,
}

impl Standing {
    /// As the page says it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Steward => "steward",
            Self::Member => "member",
            Self::Newcomer => "newcomer",
        }
    }
}

/// A part that somebody plays. Accounts follow from it, so that policies may name them whoever plays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Does what the tour begins with.
    Fen,
    /// Decides about the newcomer.
    Ama,
    /// Is new.
    Bob,
    Grace,
    Ines,
    Theo,
}

/// Everybody, in the order in which the page offers them.
pub(super) const PARTS: [Part; 6] = [Part::Fen, Part::Ama, Part::Bob, Part::Grace, Part::Ines, Part::Theo];

impl Part {
    /// The account.
    pub(super) const fn account(self) -> &'static str {
        match self {
            Self::Fen => "U0MEMBER1",
            Self::Ama => "U0STEWARD1",
            Self::Bob => "U0NEWCOMER",
            Self::Grace => "U0STEWARD2",
            Self::Ines => "U0MEMBER2",
            Self::Theo => "U0MEMBER3",
        }
    }

    /// What the part is in the community.
    pub(super) const fn standing(self) -> Standing {
        match self {
            Self::Ama | Self::Grace => Standing::Steward,
            Self::Bob => Standing::Newcomer,
            Self::Fen | Self::Ines | Self::Theo => Standing::Member,
        }
    }
}

/// Somebody to act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) part: Part,
    pub(super) first: &'static str,
    pub(super) name: String,
}

impl Person {
    /// The name of the account, as policies and mentions see it.
    pub(super) fn handle(&self) -> String {
        self.first.to_lowercase()
    }
}

/// A community with its people and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cast {
    pub(super) community: String,
    pub(super) people: Vec<Person>,
    /// The word that nobody may write.
    pub(super) word: &'static str,
    /// Another one, for when the rule is changed.
    pub(super) other_word: &'static str,
    /// The channel that is renamed.
    pub(super) lounge: &'static str,
    /// Names it may get.
    pub(super) wishes: [&'static str; 2],
    /// Where things are shown.
    pub(super) show: &'static str,
    /// Where stewards are asked.
    pub(super) council: &'static str,
    /// A message that breaks the rule about the word.
    pub(super) slip: String,
    /// A message with a link.
    pub(super) link: String,
    theme: &'static Theme,
}

impl Cast {
    /// The cast of this number.
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let theme = dice.pick(&THEMES).unwrap_or(&THEMES[0]);
        let firsts = dice.some(FIRST_NAMES, PARTS.len());
        let families = dice.some(FAMILY_NAMES, PARTS.len());
        let people = PARTS
            .into_iter()
            .zip(firsts.into_iter().zip(families))
            .map(|(part, (first, family))| Person { part, first, name: format!("{first} {family}") })
            .collect();
        let mut words = dice.some(WORDS, 2).into_iter();
        let (word, other_word) = (words.next().unwrap_or("spoiler"), words.next().unwrap_or("riddle"));
        let place = dice.pick(PLACES).copied().unwrap_or("Riverbend");
        let mut wishes = dice.some(theme.wishes, 2).into_iter();
        Self {
            community: format!("{place} {}", theme.people),
            people,
            word,
            other_word,
            lounge: dice.pick(&["random", "lounge", "kitchen-table", "off-topic"]).copied().unwrap_or("random"),
            wishes: [wishes.next().unwrap_or("workbench"), wishes.next().unwrap_or("corner")],
            show: dice.pick(&["show-and-tell", "finds", "look-here"]).copied().unwrap_or("show-and-tell"),
            council: dice.pick(&["stewards", "council", "back-office"]).copied().unwrap_or("stewards"),
            slip: format!("Does anybody want to hear a {word}?"),
            link: format!("{}: https://example.org/{}", theme.found, theme.page),
            theme,
        }
    }

    /// Who plays a part.
    pub(super) fn person(&self, part: Part) -> Option<&Person> {
        self.people.iter().find(|person| person.part == part)
    }

    /// The first name of who plays a part.
    pub(super) fn first(&self, part: Part) -> &'static str {
        self.person(part).map_or("Somebody", |person| person.first)
    }

    /// A text in which parts and words have been filled in.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in [
            ("{{word}}", self.word),
            ("{{other}}", self.other_word),
            ("{{lounge}}", self.lounge),
            ("{{wish}}", self.wishes[0]),
            ("{{show}}", self.show),
            ("{{council}}", self.council),
            ("{{fen}}", self.first(Part::Fen)),
            ("{{ama}}", self.first(Part::Ama)),
            ("{{bob}}", self.first(Part::Bob)),
            ("{{ines}}", self.first(Part::Ines)),
        ] {
            filled = filled.replace(name, value);
        }
        filled
    }

    /// The name of the rule about the word.
    pub(super) fn word_rule(&self) -> String {
        self.fill(WORD_RULE)
    }

    /// What was said before the visitor came in: who, in which channel, what.
    pub(super) fn prologue(&self) -> Vec<(Part, Room, String)> {
        let said = self.theme;
        vec![
            (Part::Grace, Room::General, said.news.to_owned()),
            (Part::Ines, Room::General, "Thank you! I will be in on Thursday evening.".to_owned()),
            (Part::Theo, Room::Lounge, said.chatter.to_owned()),
            (Part::Fen, Room::Show, said.shown.to_owned()),
            (Part::Ama, Room::Council, format!("{} is new since Monday. Say hello!", self.first(Part::Bob))),
        ]
    }
}

/// The channels of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    General,
    Lounge,
    Show,
    Council,
}

/// A row of numbers that follows from the first (SplitMix64). Small and the same everywhere for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(from.len()).ok().filter(|count| *count > 0)?;
        from.get(usize::try_from(self.roll() % count).ok()?)
    }

    /// So many different ones.
    fn some(&mut self, from: &[&'static str], count: usize) -> Vec<&'static str> {
        let mut left = from.to_vec();
        let mut chosen = Vec::new();
        while chosen.len() < count
            && let Some(one) = self.pick(&left).copied()
        {
            left.retain(|other| *other != one);
            chosen.push(one);
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_rule_about_the_word_is_known_by_its_name() {
        assert!(include_str!("policies/no_word.json").contains(&format!("\"name\": \"{WORD_RULE}\"")));
    }

    #[test]
    fn the_same_number_is_the_same_community() {
        assert_eq!(Cast::of(7), Cast::of(7));
        assert_ne!(Cast::of(7).people, Cast::of(8).people);
    }

    #[test]
    fn nobody_has_the_name_of_somebody_else_and_nothing_is_left_to_fill_in() {
        for seed in 0..200 {
            let cast = Cast::of(seed);
            let firsts: BTreeSet<&str> = cast.people.iter().map(|person| person.first).collect();
            assert_eq!(firsts.len(), PARTS.len(), "{seed}");
            assert_ne!(cast.word, cast.other_word, "{seed}");
            assert_ne!(cast.wishes[0], cast.wishes[1], "{seed}");
            assert!(cast.slip.contains(cast.word) && cast.link.contains("https://"), "{seed}");
            assert!(
                !cast
                    .fill("{{word}}{{other}}{{lounge}}{{wish}}{{show}}{{council}}{{fen}}{{ama}}{{bob}}{{ines}}")
                    .contains('{')
            );
            // Whatever is said before the visitor comes in must not break a rule.
            for (_, _, text) in cast.prologue() {
                assert!(!text.contains(cast.word) && !text.contains("http"), "{seed}: {text}");
            }
        }
    }

    #[test]
    fn names_of_accounts_and_channels_are_what_the_platform_allows() {
        let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        for seed in 0..200 {
            let cast = Cast::of(seed);
            assert!(cast.people.iter().all(|person| is_plain(&person.handle())), "{:?}", cast.people);
            let [one, two] = cast.wishes;
            assert!([cast.lounge, cast.show, cast.council, one, two].iter().all(|name| is_plain(name)), "{seed}");
        }
    }
}
