//! What every test needs: a database of each kind, a community with a history in it, and a way to hold a commit up.

mod database;
mod gate;
mod home;

pub(crate) use database::{Kind, Raw, TestDatabase, on_each, on_postgres, on_sqlite};
pub(crate) use gate::Gate;
pub(crate) use home::{Home, call_change, community, draft, every_fence, id, inbox_change, node, secs, show};
