//! The ledger: who has which accounts, and how much grain, by playing through everything that was written into it.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    files::{Alias, Identity},
    grain::Grain,
};

/// Everybody in a ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    holders: Vec<Holder>,
    /// Which of them an id is of, also an id that was merged into another.
    by_id: HashMap<String, usize>,
    accounting: Accounting,
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

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
enum Action {
    CreateIdentity {
        identity: Identity,
    },
    RenameIdentity {
        identity_id: String,
        new_name: String,
    },
    AddAlias {
        identity_id: String,
        alias: Alias,
    },
    MergeIdentities {
        base: String,
        target: String,
    },
    DistributeGrain {
        distribution: Distribution,
    },
    TransferGrain {
        from: String,
        to: String,
        amount: String,
    },
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
            let entries: Vec<Entry> = super::files::json(text)?;
            entries.into_iter().try_for_each(|entry| ledger.play(entry.action))?;
        } else {
            for entry in serde_json::Deserializer::from_slice(text).into_iter::<Entry>() {
                let entry = entry.map_err(|error| format!("it is not what SourceCred writes ({error})"))?;
                ledger.play(entry.action)?;
            }
        }
        Ok(ledger)
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
        match action {
            Action::CreateIdentity { identity } => self.create(identity)?,
            Action::RenameIdentity { identity_id, new_name } => self.holder(&identity_id)?.identity.name = new_name,
            Action::AddAlias { identity_id, alias } => self.holder(&identity_id)?.identity.aliases.push(alias),
            Action::MergeIdentities { base, target } => self.merge(&base, &target)?,
            Action::DistributeGrain { distribution } => {
                let receipts = distribution.allocations.into_iter().flat_map(|allocation| allocation.receipts);
                receipts.into_iter().try_for_each(|receipt| self.give(&receipt))?;
            }
            Action::TransferGrain { from, to, amount } => self.transfer(&from, &to, &amount)?,
            Action::EnableAccounting => self.accounting = Accounting::Here,
            Action::DisableAccounting => {
                self.accounting = Accounting::Elsewhere;
                self.erase();
            }
            // Amounts of one currency are not amounts of another.
            Action::SetExternalCurrency if self.accounting == Accounting::Elsewhere => self.erase(),
            Action::SetExternalCurrency
            | Action::ToggleActivation
            | Action::ChangeIdentityType
            | Action::SetPayoutAddress
            | Action::EnableGrainIntegration
            | Action::DisableGrainIntegration
            | Action::MarkDistributionExecuted
            | Action::RemoveExternalCurrency => {}
            Action::Unknown => self.doubtful = true,
        }
        Ok(())
    }

    fn create(&mut self, identity: Identity) -> Result<(), String> {
        let (id, number) = (identity.id.clone(), self.holders.len());
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
        for id in &ids {
            self.by_id.insert(id.clone(), into);
        }
        let base = self.holders.get_mut(into).ok_or("it contradicts itself")?;
        base.ids.extend(ids);
        base.balance.add(&balance);
        base.identity.aliases.extend(aliases);
        Ok(())
    }

    fn give(&mut self, receipt: &Receipt) -> Result<(), String> {
        let amount = amount(&receipt.amount)?;
        let accounting = self.accounting;
        let holder = self.holder(&receipt.id)?;
        if accounting == Accounting::Here {
            holder.balance.add(&amount);
        }
        Ok(())
    }

    fn transfer(&mut self, from: &str, to: &str, text: &str) -> Result<(), String> {
        let amount = amount(text)?;
        let payer = self.holder(from)?;
        payer.balance.sub(&amount);
        if payer.balance.is_negative() {
            return Err(format!("`{from}` transfers more grain than they have"));
        }
        self.holder(to)?.balance.add(&amount);
        Ok(())
    }

    fn erase(&mut self) {
        for holder in &mut self.holders {
            holder.balance = Grain::default();
        }
    }

    fn find(&self, id: &str) -> Result<usize, String> {
        self.number(id).ok_or_else(|| format!("it speaks of `{id}`, whom it never created"))
    }

    fn holder(&mut self, id: &str) -> Result<&mut Holder, String> {
        let number = self.find(id)?;
        self.holders.get_mut(number).ok_or_else(|| "it contradicts itself".to_owned())
    }
}

/// An amount of a distribution or a transfer, which is never less than nothing.
fn amount(units: &str) -> Result<Grain, String> {
    let amount = Grain::read(units).ok_or_else(|| format!("`{units}` is no amount of grain"))?;
    if amount.is_negative() { Err(format!("`{units}` is less than no grain")) } else { Ok(amount) }
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
