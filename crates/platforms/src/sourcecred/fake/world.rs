//! Who contributed what, and what was written into the ledger. Held behind a mutex, never across an await.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Analysis, Form, LedgerForm};

/// A Sunday, where the first interval begins; in milliseconds.
const BEGIN_MS: i64 = 1_767_225_600_000;
const WEEK_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// Something that happens at the instance. Accounts are written as the parts of their address, without the mark of a node:
/// `["sourcecred", "github", "USERLIKE", "USER", "ada"]`. Amounts are in units of 10⁻¹⁸.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Somebody is given an identity.
    Join {
        /// Its name.
        name: String,
    },
    /// An account is linked with an identity.
    Link {
        /// Its name.
        name: String,
        /// The account.
        account: Vec<String>,
    },
    /// Somebody is called otherwise from now on.
    Rename {
        /// The name so far.
        name: String,
        /// The name from now on.
        new: String,
    },
    /// An identity becomes part of another.
    Merge {
        /// The one that stays.
        base: String,
        /// The one that goes.
        target: String,
    },
    /// An account earns cred in the present interval.
    Earn {
        /// The account.
        account: Vec<String>,
        /// How much.
        cred: f64,
    },
    /// The next interval begins.
    NextInterval,
    /// Grain is handed out.
    Distribute {
        /// To whom, by name, and how much.
        receipts: BTreeMap<String, String>,
    },
    /// Grain is passed on.
    Transfer {
        /// From whom.
        from: String,
        /// To whom.
        to: String,
        /// How much.
        amount: String,
    },
    /// Files are written in this form from now on.
    Write {
        /// The form.
        form: Form,
        /// Whether accounts are written.
        analysis: Analysis,
        /// The form of the ledger.
        ledger: LedgerForm,
    },
}

/// Why something cannot happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such identity.
    #[error("nobody is called `{0}`")]
    Nobody(String),
    /// The name or the account is taken.
    #[error("`{0}` is taken")]
    Taken(String),
    /// They have less.
    #[error("`{0}` has less than that")]
    TooLittle(String),
    /// Not an amount.
    #[error("`{0}` is no amount")]
    NoAmount(String),
}

/// Somebody with an identity, as tests look at them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PersonView {
    /// The id of the identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// All its cred.
    pub cred: f64,
    /// Its balance in units of 10⁻¹⁸.
    pub balance: String,
}

#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) accounts: Vec<Vec<String>>,
    pub(super) merged: Vec<String>,
    pub(super) balance: u128,
    pub(super) paid: u128,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) form: Form,
    pub(super) analysis: Analysis,
    pub(super) ledger_form: LedgerForm,
    pub(super) people: Vec<Person>,
    /// Cred per interval by account.
    pub(super) cred: BTreeMap<Vec<String>, Vec<f64>>,
    pub(super) intervals: usize,
    pub(super) ledger: Vec<Value>,
    minted: u64,
}

impl World {
    pub(super) const fn new(form: Form, analysis: Analysis, ledger_form: LedgerForm) -> Self {
        Self {
            form,
            analysis,
            ledger_form,
            people: Vec::new(),
            cred: BTreeMap::new(),
            intervals: 1,
            ledger: Vec::new(),
            minted: 0,
        }
    }

    pub(super) fn act(&mut self, act: Act) -> Result<(), Denied> {
        match act {
            Act::Join { name } => self.join(name),
            Act::Link { name, account } => self.link(&name, account),
            Act::Rename { name, new } => {
                if self.people.iter().any(|person| person.name.eq_ignore_ascii_case(&new)) {
                    return Err(Denied::Taken(new));
                }
                let id = self.id_of(&name)?;
                self.person(&name)?.name.clone_from(&new);
                self.write(&json!({ "type": "RENAME_IDENTITY", "identityId": id, "newName": new }));
                Ok(())
            }
            Act::Merge { base, target } => self.merge(&base, &target),
            Act::Earn { account, cred } => {
                let intervals = self.intervals;
                let earned = self.cred.entry(account).or_default();
                earned.resize(intervals, 0.0);
                if let Some(last) = earned.last_mut() {
                    *last += cred;
                }
                Ok(())
            }
            Act::NextInterval => {
                self.intervals = self.intervals.saturating_add(1);
                Ok(())
            }
            Act::Distribute { receipts } => self.distribute(&receipts),
            Act::Transfer { from, to, amount } => self.transfer(&from, &to, &amount),
            Act::Write { form, analysis, ledger } => {
                (self.form, self.analysis, self.ledger_form) = (form, analysis, ledger);
                Ok(())
            }
        }
    }

    fn join(&mut self, name: String) -> Result<(), Denied> {
        if self.people.iter().any(|person| person.name.eq_ignore_ascii_case(&name)) {
            return Err(Denied::Taken(name));
        }
        let id = self.mint();
        let address = address(&innate(&id));
        let identity = json!({ "id": id, "name": name, "subtype": "USER", "address": address, "aliases": [] });
        self.write(&json!({ "type": "CREATE_IDENTITY", "identity": identity }));
        self.write(&json!({ "type": "TOGGLE_ACTIVATION", "identityId": id }));
        let merged = vec![id.clone()];
        self.people.push(Person { id, name, accounts: Vec::new(), merged, balance: 0, paid: 0 });
        Ok(())
    }

    fn link(&mut self, name: &str, account: Vec<String>) -> Result<(), Denied> {
        if self.people.iter().any(|person| person.accounts.contains(&account)) {
            return Err(Denied::Taken(account.join("/")));
        }
        let id = self.id_of(name)?;
        let alias = json!({ "address": address(&account), "description": account.last() });
        self.write(&json!({ "type": "ADD_ALIAS", "identityId": id, "alias": alias }));
        self.person(name)?.accounts.push(account);
        Ok(())
    }

    fn merge(&mut self, base: &str, target: &str) -> Result<(), Denied> {
        let (base_id, target_id) = (self.id_of(base)?, self.id_of(target)?);
        if base_id == target_id {
            return Err(Denied::Taken(base.to_owned()));
        }
        let gone = self.person(target)?.clone();
        self.people.retain(|person| person.id != target_id);
        let into = self.person(base)?;
        into.accounts.extend(gone.accounts);
        into.accounts.push(innate(&target_id));
        into.merged.extend(gone.merged);
        into.balance = into.balance.saturating_add(gone.balance);
        into.paid = into.paid.saturating_add(gone.paid);
        self.write(&json!({ "type": "MERGE_IDENTITIES", "base": base_id, "target": target_id }));
        Ok(())
    }

    fn distribute(&mut self, receipts: &BTreeMap<String, String>) -> Result<(), Denied> {
        let mut written = Vec::new();
        for (name, text) in receipts {
            let units = units(text)?;
            let person = self.person(name)?;
            person.balance = person.balance.saturating_add(units);
            person.paid = person.paid.saturating_add(units);
            written.push(json!({ "id": person.id, "amount": text }));
        }
        let policy = json!({ "policyType": "IMMEDIATE", "budget": "0", "numIntervalsLookback": 1 });
        let allocation = json!({ "id": self.mint(), "policy": policy, "receipts": written });
        let (id, at) = (self.mint(), self.begin_of(self.intervals));
        let distribution = json!({ "id": id, "credTimestamp": at, "allocations": [allocation] });
        self.write(&json!({ "type": "DISTRIBUTE_GRAIN", "distribution": distribution }));
        Ok(())
    }

    fn transfer(&mut self, from: &str, to: &str, text: &str) -> Result<(), Denied> {
        let units = units(text)?;
        let (from_id, to_id) = (self.id_of(from)?, self.id_of(to)?);
        let payer = self.person(from)?;
        payer.balance = payer.balance.checked_sub(units).ok_or_else(|| Denied::TooLittle(from.to_owned()))?;
        let paid = self.person(to)?;
        paid.balance = paid.balance.saturating_add(units);
        self.write(&json!({ "type": "TRANSFER_GRAIN", "from": from_id, "to": to_id, "amount": text, "memo": null }));
        Ok(())
    }

    pub(super) fn people(&self) -> Vec<PersonView> {
        let view = |person: &Person| PersonView {
            id: person.id.clone(),
            name: person.name.clone(),
            cred: self.cred_of(person).iter().sum(),
            balance: person.balance.to_string(),
        };
        self.people.iter().map(view).collect()
    }

    /// Cred per interval of somebody with all their accounts.
    pub(super) fn cred_of(&self, person: &Person) -> Vec<f64> {
        let mut sums = vec![0.0; self.intervals];
        let own = innate(&person.id);
        for account in person.accounts.iter().chain([&own]) {
            for (sum, earned) in sums.iter_mut().zip(self.cred.get(account).into_iter().flatten()) {
                *sum += earned;
            }
        }
        sums
    }

    pub(super) fn begin_of(&self, interval: usize) -> i64 {
        BEGIN_MS.saturating_add(i64::try_from(interval).unwrap_or(0).saturating_mul(WEEK_MS))
    }

    fn write(&mut self, action: &Value) {
        let (at, uuid) = (self.begin_of(self.intervals), self.mint());
        self.ledger.push(json!({ "action": action, "ledgerTimestamp": at, "uuid": uuid, "version": "1" }));
    }

    fn person(&mut self, name: &str) -> Result<&mut Person, Denied> {
        let found = self.people.iter_mut().find(|person| person.name == name);
        found.ok_or_else(|| Denied::Nobody(name.to_owned()))
    }

    fn id_of(&mut self, name: &str) -> Result<String, Denied> {
        Ok(self.person(name)?.id.clone())
    }

    /// An id as SourceCred makes them: 22 characters.
    fn mint(&mut self) -> String {
        self.minted = self.minted.saturating_add(1);
        format!("{:A>22}", self.minted)
    }
}

/// The account that an identity is by itself.
pub(super) fn innate(id: &str) -> Vec<String> {
    ["sourcecred", "core", "IDENTITY", "USER", id].map(str::to_owned).into()
}

/// An address as it is written.
pub(super) fn address(account: &[String]) -> String {
    let parts: String = account.iter().flat_map(|part| [part.as_str(), "\0"]).collect();
    format!("N\0{parts}")
}

fn units(text: &str) -> Result<u128, Denied> {
    text.parse().map_err(|_| Denied::NoAmount(text.to_owned()))
}
