//! The application: receive → normalise → match → run → call → settle, and what wakes it.
//!
//! The sequence of commits is the one of `docs/reference/durability.md`, with its letters used as labels here: T1 writes a
//! delivery down, T2 settles a batch, T3 and T4 write down what is about to be sent, T5 what came of it, T6 a verdict.
//! This crate knows the store, the sandbox and the platforms, but neither SQL nor HTTP nor any platform's name.
//!
//! INVARIANT: nothing is sent inside a database transaction, and nothing is sent that was not committed as `sending`
//! under a fence this node holds.

mod again;
mod amend;
mod aside;
mod awaited;
mod ballots;
mod batch;
mod busy;
mod calls;
mod candidates;
mod community;
mod connect;
mod deeds;
mod directories;
mod dispatch;
mod drawings;
mod effects;
mod errors;
mod evaluation;
mod explain;
mod foresight;
mod govern;
mod held;
mod history;
mod homes;
mod hooks;
mod install;
mod intake;
mod integrations;
mod journey;
mod kits;
mod known;
mod leases;
mod matching;
mod outbox;
mod overdue;
mod parts;
mod people;
mod policies;
mod privacy;
mod propose;
mod receive;
mod recovery;
mod rehearsal;
mod renew;
mod replay;
mod settle;
mod states;
mod stuck;
mod subject;
mod tick;
mod unread;
mod views;
mod vote;
mod wakes;
mod witness;

pub use explain::{ProposalStory, StoryEvaluation};
pub use govern::WEBHOOK_TRIGGER;
pub use held::{Held, HeldAs, SettleError, Settler};
pub use history::{Change, PartDiff, PolicyHistory, compare, difference};
pub use install::{Again, Expected, Install, InstallError, Installed};
pub use journey::{Begun, CameBack, JourneyError, Outcome, SetOut, Whereto};
pub use kits::{KitError, KitInstalled};
pub use overdue::{HELD_TOO_LONG, RECOVERY_LASTS};
pub use parts::{Deps, Engine, EngineError, Options, Probe};
pub use propose::{ProposeError, Proposition};
pub use receive::{Answer, ReceiveError};
pub use recovery::{RECOVERY_WAITS, RecoveryError, Rescuer};
pub use replay::{ReplayReport, SettleAs};
pub use vote::{VoteError, VoteHere};
pub use witness::Changeable;
