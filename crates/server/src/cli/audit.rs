//! `replay` and `audit verify`: whether what is recorded is what happened.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use policykit_core::ids::{CommunityId, EvaluationId};
use policykit_engine::{Engine, ReplayReport};
use policykit_store::ChainReport;

use super::{
    context::{Context, Opened},
    output::{line, note},
};
use crate::records;

/// What `replay` takes.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true)))]
pub(crate) struct ReplayArgs {
    /// The evaluation
    #[arg(group = "which")]
    pub(crate) evaluation: Option<EvaluationId>,
    /// Every evaluation of every community
    #[arg(long, group = "which")]
    pub(crate) all: bool,
}

/// `policykit replay`.
pub(crate) async fn replay(context: &Context, args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let Opened { db, .. } = context.open().await?;
    let engine = context.engine(db.clone())?;
    let mut count = Count::default();
    match args.evaluation {
        Some(id) => {
            let community = records::community_of_evaluation(&db, id).await?;
            count.add(&replay_one(&engine, community, id).await?);
        }
        None => {
            for community in records::communities(&db).await? {
                for id in records::evaluations(&db, community.id).await? {
                    count.add(&replay_one(&engine, community.id, id).await?);
                }
            }
        }
    }
    note(format_args!("{} came out the same, {} differ, {} have not ended", count.same, count.differ, count.running));
    db.close().await;
    Ok(if count.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Default)]
struct Count {
    same: usize,
    differ: usize,
    running: usize,
}

impl Count {
    fn add(&mut self, report: &ReplayReport) {
        let which = match report {
            ReplayReport::Same => &mut self.same,
            ReplayReport::Differs(_) => &mut self.differ,
            ReplayReport::Running => &mut self.running,
        };
        *which = which.saturating_add(1);
    }
}

async fn replay_one(engine: &Engine, community: CommunityId, id: EvaluationId) -> anyhow::Result<ReplayReport> {
    let report = engine.replay(community, id).await?;
    match &report {
        ReplayReport::Same => line(format_args!("{id} same")),
        ReplayReport::Running => line(format_args!("{id} has not ended")),
        ReplayReport::Differs(how) => line(format_args!("{id} differs: {how}")),
    }
    Ok(report)
}

/// `policykit audit verify`.
pub(crate) async fn verify(context: &Context, community: Option<&str>) -> anyhow::Result<ExitCode> {
    let Opened { db, .. } = context.open().await?;
    let communities = match community {
        Some(name) => vec![records::find_community(&db, name).await?],
        None => records::communities(&db).await?,
    };
    let mut intact = true;
    for community in communities {
        match db.community(community.id).verify_decisions().await? {
            ChainReport::Intact { entries } => {
                line(format_args!("{}: {entries} decisions, none changed", community.name));
            }
            ChainReport::Broken { seq, why } => {
                intact = false;
                line(format_args!("{}: broken at decision {seq}: {why}", community.name));
            }
        }
    }
    db.close().await;
    Ok(if intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
