//! How everybody stands at an instance: who they are, how much cred they have and how much grain.

use std::collections::HashMap;

use super::{
    address::Account,
    files::{AccountsFile, Identity, MOST_PEOPLE, MOST_TOGETHER, ViewFile, text, texts},
    grain::Grain,
    ledger::Ledger,
};

/// How many intervals an instance may count by: a century of weeks, or fourteen years of days.
const MOST_INTERVALS: usize = 5_200;

/// Everybody at an instance.
#[derive(Debug)]
pub(super) struct Standing {
    people: Vec<Person>,
}

/// Somebody at an instance.
#[derive(Debug)]
pub(super) struct Person {
    /// The name of their identity; nothing for who contributed and has none.
    name: Option<String>,
    /// The ids of their identity.
    ids: Vec<String>,
    accounts: Vec<Account>,
    cred: f64,
    per_interval: Vec<f64>,
    grain: Result<Grain, &'static str>,
}

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom<'a> {
    /// Whoever's identity has this name.
    Name(&'a str),
    /// Whoever has this id, on this platform if one is named.
    Id(&'a str, Option<&'a str>),
}

impl Standing {
    /// As `output/accounts.json` says.
    pub(super) fn of_accounts(file: AccountsFile) -> Result<Self, String> {
        let mut people = Vec::with_capacity(file.accounts.len() + file.unclaimed.len());
        for entry in file.accounts {
            let balance = &entry.account.balance;
            let grain = Grain::read(balance).ok_or_else(|| format!("`{balance}` is no amount of grain"))?;
            let mut ids = entry.account.merged;
            if !ids.contains(&entry.account.identity.id) {
                ids.push(entry.account.identity.id.clone());
            }
            people.push(Person {
                cred: entry.total,
                per_interval: entry.cred,
                ..Person::new(&entry.account.identity, ids, Ok(grain))
            });
        }
        let unclaimed = file.unclaimed.into_iter().filter_map(|entry| {
            let account = Account::read(entry.address()?)?;
            Some(Person {
                name: None,
                ids: Vec::new(),
                accounts: vec![account],
                cred: entry.total(),
                per_interval: entry.cred,
                grain: Ok(Grain::default()),
            })
        });
        people.extend(unclaimed);
        Self { people }.checked()
    }

    /// As `output/credGrainView` and the ledger say. The ledger may be younger: who was merged there counts as one, and who
    /// came since has no cred yet.
    ///
    /// # Errors
    /// When there is more of it than can be kept.
    pub(super) fn of_view(view: &ViewFile, ledger: Option<&Ledger>) -> Result<Self, String> {
        let Some(ledger) = ledger else {
            let people = view.participants.iter().map(|one| {
                let ids = vec![one.identity.id.clone()];
                let grain = Err("the instance publishes no ledger");
                Person {
                    cred: one.cred,
                    per_interval: one.per_interval.clone(),
                    ..Person::new(&one.identity, ids, grain)
                }
            });
            return Self { people: people.collect() }.checked();
        };
        let mut people = Vec::new();
        let mut places = HashMap::new();
        for (number, holder) in ledger.holders() {
            places.insert(number, people.len());
            people.push(Person::new(&holder.identity, holder.ids.clone(), ledger.balance(holder)));
        }
        for one in &view.participants {
            let place = ledger.number(&one.identity.id).and_then(|number| places.get(&number));
            match place.and_then(|place| people.get_mut(*place)) {
                Some(person) => person.earn(one.cred, &one.per_interval),
                None => people.push(Person {
                    cred: one.cred,
                    per_interval: one.per_interval.clone(),
                    ..Person::new(&one.identity, vec![one.identity.id.clone()], Err("the ledger does not know them"))
                }),
            }
        }
        Self { people }.checked()
    }

    /// The same, unless there is more of it than can be kept.
    fn checked(self) -> Result<Self, String> {
        if self.people.len() > MOST_PEOPLE {
            return Err(format!("it has more than {MOST_PEOPLE} people"));
        }
        if self.people.iter().any(|one| one.ids.len().max(one.accounts.len()) > MOST_TOGETHER) {
            return Err(format!("it has somebody with more than {MOST_TOGETHER} accounts"));
        }
        if self.people.iter().any(|one| one.per_interval.len() > MOST_INTERVALS) {
            return Err(format!("it has more than {MOST_INTERVALS} intervals"));
        }
        Ok(self)
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.people.iter().map(Person::weight).sum()
    }

    /// The person who is meant, if they are there.
    ///
    /// # Errors
    /// When several could be meant.
    pub(super) fn find(&self, whom: Whom<'_>) -> Result<Option<&Person>, String> {
        match whom {
            Whom::Name(name) => {
                // Names that differ in their capitals alone cannot be given twice; where they were, the exact one counts.
                let exact = self.people.iter().find(|person| person.name.as_deref() == Some(name));
                let alike = |person: &&Person| person.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
                let mut others = self.people.iter().filter(alike);
                match (exact, others.next(), others.next()) {
                    (None, Some(_), Some(_)) => Err(format!("several people there are called `{name}`")),
                    (exact, one, _) => Ok(exact.or(one)),
                }
            }
            Whom::Id(id, plugin) => {
                let mut found = self.people.iter().filter(|person| person.has(id, plugin));
                match (found.next(), found.next(), plugin) {
                    (one, None, _) => Ok(one),
                    (_, Some(_), Some(plugin)) => {
                        Err(format!("`{id}` is the id of several people there on {plugin}; ask for them by `username`"))
                    }
                    (Some(one), Some(other), None) => {
                        let plugin = |person: &Person| {
                            let account = person.accounts.iter().find(|account| account.is(id, None));
                            account.map_or_else(|| "core".to_owned(), |account| account.plugin().to_owned())
                        };
                        Err(format!(
                            "`{id}` is the id of several people there, on {} and on {}; say which is meant with `plugin`",
                            plugin(one),
                            plugin(other)
                        ))
                    }
                    (None, Some(_), None) => Ok(None),
                }
            }
        }
    }

    /// Everybody who has an account, those with most cred first.
    pub(super) fn accounts(&self) -> Vec<&Person> {
        let mut all: Vec<&Person> = self.people.iter().filter(|person| person.name.is_some()).collect();
        all.sort_by(|a, b| b.cred.total_cmp(&a.cred));
        all
    }

    /// The cred of everybody who has an account.
    pub(super) fn total(&self) -> f64 {
        self.people.iter().filter(|person| person.name.is_some()).map(|person| person.cred).sum()
    }
}

impl Person {
    /// Somebody without cred.
    fn new(identity: &Identity, ids: Vec<String>, grain: Result<Grain, &'static str>) -> Self {
        let addresses = identity.aliases.iter().map(|alias| alias.address.as_str());
        Self {
            name: Some(identity.name.0.clone()),
            ids,
            accounts: addresses.filter_map(Account::read).collect(),
            cred: 0.0,
            per_interval: Vec::new(),
            grain,
        }
    }

    fn earn(&mut self, cred: f64, per_interval: &[f64]) {
        self.cred += cred;
        if self.per_interval.len() < per_interval.len() {
            self.per_interval.resize(per_interval.len(), 0.0);
        }
        for (sum, more) in self.per_interval.iter_mut().zip(per_interval) {
            *sum += more;
        }
    }

    fn weight(&self) -> usize {
        let accounts: usize = self.accounts.iter().map(Account::weight).sum();
        let texts = texts(&self.ids) + text(self.name());
        size_of::<Self>() + texts + accounts + self.per_interval.capacity() * size_of::<f64>()
    }

    fn has(&self, id: &str, plugin: Option<&str>) -> bool {
        let own = matches!(plugin, None | Some("core" | "sourcecred/core"));
        (own && self.ids.iter().any(|known| known == id)) || self.accounts.iter().any(|account| account.is(id, plugin))
    }

    /// The name of their identity.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// All their cred.
    pub(super) const fn cred(&self) -> f64 {
        self.cred
    }

    /// What came of it in so many last intervals.
    pub(super) fn recent(&self, intervals: usize) -> f64 {
        self.per_interval.iter().rev().take(intervals).sum()
    }

    /// Their grain, or why it is not known.
    pub(super) const fn grain(&self) -> Result<&Grain, &'static str> {
        match &self.grain {
            Ok(grain) => Ok(grain),
            Err(why) => Err(why),
        }
    }
}

#[cfg(test)]
#[path = "standing/tests.rs"]
mod tests;
