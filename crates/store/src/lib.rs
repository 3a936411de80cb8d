//! The journal and all other tables, on SQLite and PostgreSQL.
//!
//! The tables are the truth: there is one database and one transaction domain. A unit of work is data ([`Changes`]) and
//! becomes true as a whole ([`Db::commit`]); what a platform delivers is written down before it is acknowledged
//! ([`Db::receive`]). Only this crate sees SQL, and it decides nothing about governance.
//!
//! Everything that belongs to a community is reached through [`Db::community`], so a missing scope does not compile:
//!
//! ```compile_fail
//! async fn all_proposals(db: policykit_store::Db) {
//!     let _ = db.proposals(policykit_store::Page::first(10)).await;
//! }
//! ```
//!
//! With the scope it does:
//!
//! ```
//! async fn proposals(db: policykit_store::Db, community: policykit_core::ids::CommunityId) {
//!     let _ = db.community(community).proposals(policykit_store::Page::first(10)).await;
//! }
//! ```

mod action;
mod amendment;
mod awaited;
mod ballot;
mod call;
mod changes;
mod channel;
mod codec;
mod commit;
mod community;
mod db;
mod decider;
mod decision;
mod document;
mod error;
mod evaluation;
mod fence;
mod held;
mod inbox;
mod installation;
mod integration;
mod journey;
mod kit;
mod lease;
mod log;
mod member;
mod news;
mod operator;
mod outcome;
mod overdue;
mod overview;
mod owned;
mod people;
mod person;
mod policy;
mod proposal;
mod record;
mod recovery;
mod role;
mod rounds;
mod rows;
mod scoped;
mod seal;
mod secret;
mod session;
mod shards;
mod sheet;
mod shelf;
mod sight;
mod sql;
mod survey;
mod system;
mod wake;
mod withheld;

pub use awaited::AwaitedRead;
pub use call::CLOCKS_AGREE;
pub use changes::{
    ActionChange, BallotRow, CallChange, Changes, ChannelRow, DecisionEntry, EvaluationEnd, EvaluationRow,
    EvaluationState, Fence, InboxChange, InboxState, LogRow, LostInstallation, NewAmendment, NewCall, OwnedObject,
    Permitted, ProposalChange, ReadRow, Redact, WakeRow,
};
pub use channel::MOST_CHANNELS;
pub use db::{Db, DbConfig, Plan, Probe, Step};
pub use decision::ChainReport;
pub use error::{StoreError, Trouble};
pub use held::HeldRow;
pub use inbox::{InboxWindow, Waiting};
pub use installation::KnownPlace;
pub use journey::NewJourney;
pub use kit::{Default as DefaultPermissions, KitOutcome, NewKit};
pub use log::{Lines, LoggedLine};
pub use news::News;
pub use outcome::Outcome;
pub use overdue::{HELD_OVERDUE, Overdue};
pub use overview::{COUNTED, Counted, ProposalFilter, ProposalLine, RuleLine};
pub use people::{Crowd, PeopleFilter};
pub use person::CallSettled;
pub use policy::{PolicyState, PolicyVersion};
pub use record::{ActionLine, Part, RecordFilter, RecordLine};
pub use recovery::{Recovery, RecoveryState};
pub use role::Base;
pub use rows::{
    CallRow, CommunityState, Decision, EvaluationRecord, InboxRow, LogLine, NewDelivery, OwnedKey, Page,
    ProposalBundle, ProposalSummary, Received, RunningEvaluation,
};
pub use scoped::Scoped;
pub use seal::{KeyError, SealingKey, fresh_secret};
pub use secret::Keys;
pub use session::{Holder, NewSession, OpenSession, SessionRow, SignedIn, Whose};
pub use sheet::{Look, NamedBallot, Own, ProposalSheet, Reading};
pub use shelf::{Decider, PolicyCount, Shelf, ShelvedPolicy};
pub use sight::{Private, Sight, Types};
pub use sql::Stats;
pub use survey::Survey;
pub use system::System;
pub use wake::SetBack;
pub use withheld::Matter;
