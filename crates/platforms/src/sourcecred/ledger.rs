//! The ledger: who has which accounts, and how much grain, by playing through everything that was written into it.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer as _,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{
    files::{Alias, Identity, MOST_PEOPLE, MOST_TOGETHER, Name, strange, texts},
    grain::Grain,
};

/// Everybody in a ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    holders: Vec<Holder>,
    /// Which of them an id is of, also an id that was merged into another.
    by_id: HashMap<String, usize>,
    accounting: Accounting,
    /// Whose balances may be other than nothing. Erasing walks through these alone: it can be asked for at every line.
    paid: Vec<usize>,
    /// Something was written that is not understood, so that the balances may be others.
    doubtful: bool,
}

/// Whether balances are kept in the ledger, or grain is paid out elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Accounting {
    #[default]
    Here,
    Elsewhere,
}

/// Somebody in a ledger.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) identity: Identity,
    /// Their own id, and those that were merged into them.
    pub(super) ids: Vec<String>,
    balance: Grain,
    standing: Merged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merged {
    No,
    IntoAnother,
}

#[derive(Debug, Deserialize)]
struct Entry {
    action: Action,
}

/// What was written, with the fields of every kind that is known. It is no enum: to tell kinds apart before fields are
/// read, all of an entry would be kept, also what nobody here asks for, and that is as much as a stranger likes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    #[serde(rename = "type")]
    kind: Kind,
    identity: Option<Identity>,
    identity_id: Option<String>,
    new_name: Option<Name>,
    alias: Option<Alias>,
    base: Option<String>,
    target: Option<String>,
    distribution: Option<Distribution>,
    from: Option<String>,
    to: Option<String>,
    amount: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    CreateIdentity,
    RenameIdentity,
    AddAlias,
    MergeIdentities,
    DistributeGrain,
    TransferGrain,
    EnableAccounting,
    DisableAccounting,
    SetExternalCurrency,
    // What changes neither names nor accounts nor balances.
    ToggleActivation,
    ChangeIdentityType,
    SetPayoutAddress,
    EnableGrainIntegration,
    DisableGrainIntegration,
    MarkDistributionExecuted,
    RemoveExternalCurrency,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
struct Distribution {
    allocations: Vec<Allocation>,
}

#[derive(Debug, Deserialize)]
struct Allocation {
    receipts: Vec<Receipt>,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    id: String,
    amount: String,
}

impl Ledger {
    /// Reads a ledger: one entry a line, or a list of them, as an empty one is written.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let mut ledger = Self::default();
        let begins = text.iter().find(|byte| !byte.is_ascii_whitespace());
        if begins == Some(&b'[') {
            let mut wrong = None;
            let mut list = serde_json::Deserializer::from_slice(text);
            let read = list.deserialize_seq(List { ledger: &mut ledger, wrong: &mut wrong }).and_then(|()| list.end());
            match (wrong, read) {
                (Some(why), _) => return Err(why),
                (None, read) => read.map_err(|error| strange(&error))?,
            }
        } else {
            for entry in serde_json::Deserializer::from_slice(text).into_iter::<Entry>() {
                ledger.play(entry.map_err(|error| strange(&error))?.action)?;
            }
        }
        Ok(ledger)
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let of_one = |holder: &Holder| size_of::<Holder>() + holder.identity.weight() + 2 * texts(&holder.ids);
        self.holders.iter().map(of_one).sum()
    }

    /// Everybody who was not merged into another, each with a number by which they are known.
    pub(super) fn holders(&self) -> impl Iterator<Item = (usize, &Holder)> {
        self.holders.iter().enumerate().filter(|(_, holder)| holder.standing == Merged::No)
    }

    /// The number of whoever has this id.
    pub(super) fn number(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// How much grain somebody has.
    ///
    /// # Errors
    /// When the ledger holds something that is not understood.
    pub(super) fn balance(&self, holder: &Holder) -> Result<Grain, &'static str> {
        if self.doubtful {
            return Err("the ledger holds an entry of a kind that is not known, so its balances are not certain");
        }
        Ok(holder.balance.clone())
    }

    fn play(&mut self, action: Action) -> Result<(), String> {
        match action.kind {
            Kind::CreateIdentity => self.create(needed(action.identity, "identity")?)?,
            Kind::RenameIdentity => {
                let name = needed(action.new_name, "newName")?;
                self.holder(&needed(action.identity_id, "identityId")?)?.identity.name = name;
            }
            Kind::AddAlias => {
                let alias = needed(action.alias, "alias")?;
                self.holder(&needed(action.identity_id, "identityId")?)?.identity.aliases.push(alias);
            }
            Kind::MergeIdentities => self.merge(&needed(action.base, "base")?, &needed(action.target, "target")?)?,
            Kind::DistributeGrain => {
                let allocations = needed(action.distribution, "distribution")?.allocations;
                let mut receipts = allocations.into_iter().flat_map(|allocation| allocation.receipts);
                receipts.try_for_each(|receipt| self.give(&receipt))?;
            }
            Kind::TransferGrain => {
                let (from, to) = (needed(action.from, "from")?, needed(action.to, "to")?);
                self.transfer(&from, &to, &needed(action.amount, "amount")?)?;
            }
            Kind::EnableAccounting => self.accounting = Accounting::Here,
            Kind::DisableAccounting => {
                self.accounting = Accounting::Elsewhere;
                self.erase();
            }
            // Amounts of one currency are not amounts of another.
            Kind::SetExternalCurrency if self.accounting == Accounting::Elsewhere => self.erase(),
            Kind::SetExternalCurrency
            | Kind::ToggleActivation
            | Kind::ChangeIdentityType
            | Kind::SetPayoutAddress
            | Kind::EnableGrainIntegration
            | Kind::DisableGrainIntegration
            | Kind::MarkDistributionExecuted
            | Kind::RemoveExternalCurrency => {}
            Kind::Unknown => self.doubtful = true,
        }
        Ok(())
    }

    fn create(&mut self, identity: Identity) -> Result<(), String> {
        let (id, number) = (identity.id.clone(), self.holders.len());
        if number == MOST_PEOPLE {
            return Err(format!("it creates more than {MOST_PEOPLE} identities"));
        }
        if self.by_id.insert(id.clone(), number).is_some() {
            return Err(format!("it creates `{id}` twice"));
        }
        let (ids, balance) = (vec![id], Grain::default());
        self.holders.push(Holder { identity, ids, balance, standing: Merged::No });
        Ok(())
    }

    fn merge(&mut self, base: &str, target: &str) -> Result<(), String> {
        let (into, from) = (self.find(base)?, self.find(target)?);
        if into == from {
            return Err(format!("it merges `{base}` with itself"));
        }
        let gone = self.holders.get_mut(from).ok_or("it contradicts itself")?;
        gone.standing = Merged::IntoAnother;
        let (ids, balance) = (std::mem::take(&mut gone.ids), std::mem::take(&mut gone.balance));
        let mut aliases = std::mem::take(&mut gone.identity.aliases);
        aliases.push(Alias { address: gone.identity.address.clone() });
        // What is merged again and again is walked through again and again.
        if self.holders.get(into).is_some_and(|base| base.ids.len() + ids.len() > MOST_TOGETHER) {
            return Err(format!("it merges more than {MOST_TOGETHER} identities into one"));
        }
        for id in &ids {
            self.by_id.insert(id.clone(), into);
        }
        let base = self.holders.get_mut(into).ok_or("it contradicts itself")?;
        base.ids.extend(ids);
        base.balance.add(&balance);
        self.paid.push(into);
        base.identity.aliases.extend(aliases);
        Ok(())
    }

    fn give(&mut self, receipt: &Receipt) -> Result<(), String> {
        let amount = amount(&receipt.amount)?;
        match self.accounting {
            Accounting::Here => self.pay(&receipt.id, &amount),
            Accounting::Elsewhere => self.find(&receipt.id).map(|_| ()),
        }
    }

    fn transfer(&mut self, from: &str, to: &str, text: &str) -> Result<(), String> {
        let amount = amount(text)?;
        let payer = self.holder(from)?;
        payer.balance.sub(&amount);
        if payer.balance.is_negative() {
            return Err(format!("`{from}` transfers more grain than they have"));
        }
        self.pay(to, &amount)
    }

    fn erase(&mut self) {
        for number in std::mem::take(&mut self.paid) {
            if let Some(holder) = self.holders.get_mut(number) {
                holder.balance = Grain::default();
            }
        }
    }

    fn pay(&mut self, to: &str, amount: &Grain) -> Result<(), String> {
        let number = self.find(to)?;
        self.holder(to)?.balance.add(amount);
        self.paid.push(number);
        Ok(())
    }

    fn find(&self, id: &str) -> Result<usize, String> {
        self.number(id).ok_or_else(|| format!("it speaks of `{id}`, whom it never created"))
    }

    fn holder(&mut self, id: &str) -> Result<&mut Holder, String> {
        let number = self.find(id)?;
        self.holders.get_mut(number).ok_or_else(|| "it contradicts itself".to_owned())
    }
}

/// Plays a list of entries through, one after the other, without keeping them.
struct List<'a> {
    ledger: &'a mut Ledger,
    /// What is wrong with an entry, other than its form.
    wrong: &'a mut Option<String>,
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<Entry>()? {
            if let Err(why) = self.ledger.play(entry.action) {
                *self.wrong = Some(why);
                return Err(A::Error::custom("it contradicts itself"));
            }
        }
        Ok(())
    }
}

/// A field without which an entry of its kind says nothing.
fn needed<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("it is not what SourceCred writes (an entry lacks `{name}`)"))
}

/// An amount of a distribution or a transfer, which is never less than nothing.
fn amount(units: &str) -> Result<Grain, String> {
    let amount = Grain::read(units).ok_or_else(|| format!("`{units}` is no amount of grain"))?;
    if amount.is_negative() { Err(format!("`{units}` is less than no grain")) } else { Ok(amount) }
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
