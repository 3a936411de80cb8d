//! The files of the instance, as they are at the moment.

use miniz_oxide::deflate::compress_to_vec_zlib;
use serde_json::{Value, json};

use super::{
    Analysis, Form, LedgerForm,
    world::{Person, World, address, innate},
};

impl World {
    /// The file at a path, if there is one.
    pub(super) fn file(&self, path: &str) -> Option<Vec<u8>> {
        match (path, self.form) {
            ("sourcecred.json", _) => Some(json!({ "bundledPlugins": ["sourcecred/github"] }).to_string().into_bytes()),
            ("config/currencyDetails.json", _) => {
                Some(json!({ "currencyName": "Grain", "currencySuffix": " g" }).to_string().into_bytes())
            }
            ("output/accounts.json", _) if self.analysis == Analysis::Written => {
                Some(self.accounts().to_string().into_bytes())
            }
            ("output/credGrainView", Form::Packed) => Some(compress_to_vec_zlib(self.view().to_string().as_bytes(), 6)),
            ("output/credGrainView.json", Form::Plain) => Some(self.view().to_string().into_bytes()),
            ("data/ledger.json", _) => self.ledger_file(),
            _ => None,
        }
    }

    fn ledger_file(&self) -> Option<Vec<u8>> {
        let entries = || self.ledger.iter().map(Value::to_string);
        match (self.ledger_form, self.ledger.is_empty()) {
            (LedgerForm::Absent, _) => None,
            (_, true) => Some(b"[]\n".to_vec()),
            (LedgerForm::Lines, false) => Some(entries().map(|entry| entry + "\n").collect::<String>().into_bytes()),
            (LedgerForm::List, false) => Some(format!("[{}]", entries().collect::<Vec<_>>().join(",\n")).into_bytes()),
        }
    }

    fn intervals(&self) -> Vec<Value> {
        let interval = |n| json!({ "startTimeMs": self.begin_of(n), "endTimeMs": self.begin_of(n + 1) });
        (0..self.intervals).map(interval).collect()
    }

    fn accounts(&self) -> Value {
        let accounts = self.people.iter().map(|person| {
            let cred = self.cred_of(person);
            let account = json!({
                "active": true,
                "allocationHistory": [],
                "balance": person.balance.to_string(),
                "identity": identity(person),
                "mergedIdentityIds": person.merged,
                "paid": person.paid.to_string(),
                "payoutAddresses": [],
            });
            json!({ "account": account, "cred": cred, "totalCred": cred.iter().sum::<f64>() })
        });
        let claimed = |account: &Vec<String>| {
            self.people.iter().any(|person| person.accounts.contains(account) || innate(&person.id) == *account)
        };
        let unclaimed = self.cred.iter().filter(|(account, _)| !claimed(account)).map(|(account, earned)| {
            let mut cred = earned.clone();
            cred.resize(self.intervals, 0.0);
            let alias = json!({ "address": address(account), "description": account.last() });
            json!({ "alias": alias, "cred": cred, "totalCred": cred.iter().sum::<f64>() })
        });
        json!({
            "accounts": accounts.collect::<Vec<_>>(),
            "unclaimedAliases": unclaimed.collect::<Vec<_>>(),
            "intervals": self.intervals(),
        })
    }

    fn view(&self) -> Value {
        let participants = self.people.iter().map(|person| {
            let cred = self.cred_of(person);
            json!({
                "active": true,
                "cred": cred.iter().sum::<f64>(),
                "credPerInterval": cred,
                "grainEarned": person.paid.to_string(),
                "grainEarnedPerInterval": vec!["0"; self.intervals],
                "identity": identity(person),
            })
        });
        json!({ "intervals": self.intervals(), "participants": participants.collect::<Vec<_>>() })
    }
}

fn identity(person: &Person) -> Value {
    let alias = |account: &Vec<String>| json!({ "address": address(account), "description": account.last() });
    let aliases: Vec<Value> = person.accounts.iter().map(alias).collect();
    json!({
        "id": person.id,
        "name": person.name,
        "subtype": "USER",
        "address": address(&innate(&person.id)),
        "aliases": aliases,
    })
}
