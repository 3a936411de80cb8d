//! What policy code sees: the objects in scope, their attributes and methods, on a snapshot and what the run has written.

mod absent;
mod carried;
pub(crate) mod known;
mod proposal;
mod rows;

use std::sync::{Arc, OnceLock};

use policykit_core::{
    JsonMap, ObjectKind, ObjectRef, Value,
    ballot::Poll,
    call::LocalEffect,
    descriptor::{MethodEffect, common_methods},
    ids::ProposalId,
    policy::{Block, PolicyKind, Verdict},
    snapshot::{PolicyView, Snapshot},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::carried::{MEMBER_ATTRIBUTES, action, action_attribute, user_attribute};
pub use self::carried::{document_value, policy_value, role_value, user_value};
use self::carried::{key_of, object, role_names, roles_of};
use crate::{
    compile::Program,
    methods::{MethodTable, bind, nearest},
    rewrite,
    run::{ActionEffect, MethodCall, ReadRequest},
    sandbox::{Raised, Request, Scope},
};

/// Attributes of an action that are not carried along but looked up.
pub(crate) const LAZY_ATTRIBUTES: &[&str] = &["community_revert", "proposal", "community", "data_store"];

/// What stands for the platform in what is asked about the community as a whole.
pub const COMMUNITY: &str = "community";

/// What a run has written; it reads its own writes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Overlay {
    /// `proposal.data`.
    pub data: JsonMap,
    /// `variables`.
    pub variables: Value,
    /// The vote, whether it was running before or was started by this run.
    pub poll: Option<Poll>,
    /// Whether the action is undone.
    pub reverted: bool,
}

/// A line the policy has logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// `debug`, `info`, `warning` or `error`.
    pub level: String,
    /// What it says.
    pub message: String,
}

/// What is worth knowing about a run beside its result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunReport {
    /// Whether the result may depend on the time.
    pub read_clock: bool,
    /// Lengths of time the code made, in microseconds: a comparison may flip when one has passed.
    pub durations: Vec<i64>,
    /// What it logged.
    pub logs: Vec<LogEntry>,
    /// How often it asked its host.
    pub host_calls: usize,
}

/// What to do with a request.
pub(crate) enum Response {
    /// Answer it.
    Reply(Result<Option<Value>, Raised>),
    /// Let the caller carry out a method.
    Method(MethodCall),
    /// Let the caller read outside.
    Read(ReadRequest),
    /// Let the caller undo or do the action.
    Effect(ActionEffect),
}

/// The host of one run.
pub(crate) struct Host {
    pub(crate) snapshot: Snapshot,
    pub(crate) overlay: Overlay,
    pub(crate) report: RunReport,
    random: u64,
    /// The action as it is handed over: the same for every block.
    action: OnceLock<Arc<Value>>,
}

impl Host {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let overlay = first_overlay(&snapshot);
        let random = snapshot.seed;
        Self { snapshot, overlay, report: RunReport::default(), random, action: OnceLock::new() }
    }

    /// Begins anew for another policy and its proposal about the same action.
    pub(crate) fn turn_to(&mut self, policy: PolicyView, proposal: ProposalId) {
        self.snapshot.policy = policy;
        self.snapshot.proposal.id = proposal;
        self.overlay = first_overlay(&self.snapshot);
        self.report = RunReport::default();
        self.random = self.snapshot.seed;
    }

    pub(crate) fn apply(&mut self, effect: LocalEffect) {
        match effect {
            LocalEffect::VoteStarted(poll) => {
                self.overlay.poll = Some(poll);
                // Those of the snapshot were cast in the vote before, by whomever that one asked.
                self.snapshot.ballots.clear();
            }
            LocalEffect::Reverted => self.overlay.reverted = true,
            LocalEffect::Executed => self.overlay.reverted = false,
        }
    }

    /// What the check has said: the blocks that tell of it find it so.
    pub(crate) const fn decided(&mut self, verdict: Verdict) {
        self.snapshot.proposal.status = verdict;
    }

    /// A check that reads from a platform has to be run again by and by: nobody tells when that changes. What is known
    /// here is noticed when it changes.
    pub(crate) fn note_read(&mut self, block: Block, read: &ReadRequest) {
        let known_here = read.platform == COMMUNITY || common_methods().iter().any(|m| m.name == read.method);
        self.report.read_clock |= block == Block::Check && !known_here;
    }

    /// What a block is given: of everything in scope, what it mentions.
    pub(crate) fn scope(&self, program: &Program, block: Block) -> Scope {
        let given = |name: &str, value: &dyn Fn() -> Arc<Value>| {
            if program.mentions(block, name) { value() } else { Arc::new(Value::None) }
        };
        let variables = || Arc::new(self.variables());
        Scope {
            parameters: vec![
                given("action", &|| Arc::clone(self.action.get_or_init(|| Arc::new(action(&self.snapshot.action))))),
                given("policy", &|| Arc::new(self.policy())),
                given("proposal", &|| Arc::new(self.proposal())),
                // What it makes of them is kept, also when that is nothing.
                if block == Block::Initialize { variables() } else { given("variables", &variables) },
                given("logger", &|| Arc::new(object(ObjectKind::Logger, "logger", "logger", Vec::new()))),
            ],
            names: self
                .snapshot
                .platforms
                .iter()
                .filter(|p| program.mentions(block, &p.id))
                .map(|p| (p.id.clone(), self.platform(&p.id)))
                .chain(
                    ["community", "constitution"]
                        .into_iter()
                        .filter(|name| program.mentions(block, name))
                        .map(|name| (name.to_owned(), self.community())),
                )
                .collect(),
            now: self.snapshot.now,
        }
    }

    fn variables(&self) -> Value {
        let variables = match &self.overlay.variables {
            Value::Dict(pairs) => {
                pairs.iter().filter_map(|(k, v)| k.as_str().map(|name| (name.to_owned(), v.clone()))).collect()
            }
            _ => Vec::new(),
        };
        object(ObjectKind::Variables, "variables", "variables", variables)
    }

    fn policy(&self) -> Value {
        policy_value(&self.snapshot.policy)
    }

    fn community(&self) -> Value {
        let view = &self.snapshot.community;
        let attrs = vec![
            ("id".to_owned(), Value::str(view.id.to_string())),
            ("name".to_owned(), Value::str(&view.name)),
            ("community_name".to_owned(), Value::str(&view.name)),
            ("platform".to_owned(), Value::str("constitution")),
        ];
        object(ObjectKind::Community, &view.id.to_string(), &view.name, attrs)
    }

    fn platform(&self, id: &str) -> Value {
        let Some(view) = self.snapshot.platforms.iter().find(|p| p.id == id) else { return Value::None };
        let attrs = vec![
            ("platform".to_owned(), Value::str(&view.id)),
            ("team_id".to_owned(), Value::str(&view.external_id)),
            ("community_name".to_owned(), Value::str(&view.name)),
        ];
        object(ObjectKind::Platform, id, &view.name, attrs)
    }

    /// Answers a request of the block, or says what the caller must do.
    pub(crate) fn respond(&mut self, request: Request, methods: &MethodTable) -> Response {
        self.report.host_calls += 1;
        match request {
            Request::Attribute(object, name) => match role_attribute(&object, &name) {
                Some(read) => Response::Read(read),
                None => Response::Reply(Ok(self.attribute(&object, &name))),
            },
            Request::Call(object, name, args, kwargs) => self.call(&object, &name, &args, &kwargs, methods),
        }
    }

    fn attribute(&self, object: &ObjectRef, name: &str) -> Option<Value> {
        match (object.kind, name) {
            (ObjectKind::Action, "community_revert") => Some(Value::Bool(self.overlay.reverted)),
            (ObjectKind::Action, "proposal") => Some(self.proposal()),
            (ObjectKind::Action, "community") => {
                Some(self.snapshot.action.platform.as_ref().map_or_else(|| self.community(), |p| self.platform(p)))
            }
            (ObjectKind::Action, "data_store") => Some(Value::None),
            (
                ObjectKind::Policy
                | ObjectKind::Platform
                | ObjectKind::User
                | ObjectKind::Role
                | ObjectKind::Document
                | ObjectKind::Community,
                "community",
            )
            | (ObjectKind::User | ObjectKind::Community, "constitution_community") => Some(self.community()),
            (ObjectKind::User | ObjectKind::Role | ObjectKind::Community | ObjectKind::Document, "id" | "pk") => {
                Some(Value::str(&object.id))
            }
            (ObjectKind::User, "groups") => Some(roles_of(object)),
            (ObjectKind::User, "user_permissions") => Some(Value::List(Vec::new())),
            (ObjectKind::Vote, "proposal") => Some(self.proposal()),
            (ObjectKind::Proposal, name) => self.proposal_attribute(name),
            _ => None,
        }
    }

    fn call(
        &mut self,
        receiver: &ObjectRef,
        name: &str,
        args: &[Value],
        kwargs: &[(String, Value)],
        methods: &MethodTable,
    ) -> Response {
        match (receiver.kind, name) {
            (ObjectKind::Platform, _) => return platform_method(receiver, name, args, kwargs, methods),
            (ObjectKind::Action, "revert" | "execute") if self.snapshot.action.kind == PolicyKind::Trigger => {
                let message = format!(
                    "action.{name}() does nothing in a trigger policy: what it hears of is decided elsewhere. Govern the \
                     action with a platform policy to undo it or to do it again"
                );
                self.report.logs.push(LogEntry { level: "warning".to_owned(), message });
                return Response::Reply(Ok(None));
            }
            (ObjectKind::Action, "revert") => return Response::Effect(ActionEffect::Revert),
            (ObjectKind::Action, "execute") => return Response::Effect(ActionEffect::Execute),
            _ => {}
        }
        if let Some(method) = known::reading(receiver.kind).iter().find(|m| m.name == name) {
            return match bind(method, args, kwargs) {
                Err(raised) => Response::Reply(Err(raised)),
                Ok(mut args) => {
                    if receiver.kind == ObjectKind::User {
                        args.insert("user".to_owned(), receiver.id.clone().into());
                    }
                    Response::Read(ReadRequest { platform: COMMUNITY.to_owned(), method: name.to_owned(), args })
                }
            };
        }
        Response::Reply(match (receiver.kind, name) {
            (ObjectKind::Action, "description") => Ok(Some(Value::str(&receiver.label))),
            (ObjectKind::Data, _) => self.data_method(name, args, kwargs),
            (ObjectKind::Proposal, _) => self.proposal_method(name, args, kwargs),
            (ObjectKind::Vote, "get_time_elapsed") => self.time_since_vote(receiver),
            (ObjectKind::User, "has_role") => Ok(Some(Value::Bool(
                args.first().and_then(Value::as_str).is_some_and(|role| role_names(receiver).iter().any(|r| r == role)),
            ))),
            (ObjectKind::User, "get_roles") => Ok(Some(roles_of(receiver))),
            (ObjectKind::Community, "get_platform_communities") => {
                Ok(Some(Value::List(self.snapshot.platforms.iter().map(|p| self.platform(&p.id)).collect())))
            }
            (ObjectKind::Community, "get_platform_community") => {
                let wanted = args.first().or_else(|| kwargs.iter().find(|(k, _)| k == "name").map(|(_, v)| v));
                Ok(Some(wanted.and_then(Value::as_str).map_or(Value::None, |id| self.platform(id))))
            }
            (ObjectKind::Process, "get") => Ok(Some(key_of(receiver, args))),
            (ObjectKind::Logger, level) => self.log(level, args),
            (ObjectKind::Policy, "rows") => rows::query(args),
            (ObjectKind::Policy, "method") => Ok(Some(Value::Bool(has_method(args, methods)))),
            (ObjectKind::Policy, "random") => Ok(Some(Value::Float(self.next_random()))),
            (ObjectKind::Policy, "length") => {
                if let Some(Value::Duration(micros)) = args.first()
                    && !self.report.durations.contains(micros)
                {
                    self.report.durations.push(*micros);
                }
                Ok(None)
            }
            _ => Err(no_attribute(&format!("{:?}", receiver.kind), name, &known::method_names(receiver.kind))),
        })
    }

    fn log(&mut self, level: &str, args: &[Value]) -> Result<Option<Value>, Raised> {
        let level = match level {
            "debug" => "debug",
            "info" | "log" => "info",
            "warn" | "warning" => "warning",
            "error" | "exception" | "critical" => "error",
            other => return Err(no_attribute("Logger", other, &known::method_names(ObjectKind::Logger))),
        };
        let message = args.first().map(rows::display).unwrap_or_default();
        self.report.logs.push(LogEntry { level: level.to_owned(), message });
        Ok(None)
    }

    /// SplitMix64 on the snapshot's seed, as a number from 0 up to 1.
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let random = (z >> 11) as f64 / (1_u64 << 53) as f64;
        random
    }
}

fn first_overlay(snapshot: &Snapshot) -> Overlay {
    Overlay {
        data: snapshot.proposal.data.clone(),
        variables: snapshot.proposal.variables.clone(),
        poll: None,
        reverted: snapshot.action.reverted,
    }
}

fn platform_method(
    receiver: &ObjectRef,
    name: &str,
    args: &[Value],
    kwargs: &[(String, Value)],
    methods: &MethodTable,
) -> Response {
    let known = methods.get(&receiver.id).map(Vec::as_slice).unwrap_or_default();
    let Some(method) = known.iter().find(|m| m.name == name) else {
        let names: Vec<&str> = known.iter().map(|m| m.name).collect();
        return Response::Reply(Err(no_attribute(&receiver.id, name, &names)));
    };
    // The original took the proposal as an optional first argument; policies written for it may still give it.
    let args = match args.first() {
        Some(Value::Object(first)) if first.kind == ObjectKind::Proposal => args.get(1..).unwrap_or_default(),
        _ => args,
    };
    match bind(method, args, kwargs) {
        Err(raised) => Response::Reply(Err(raised)),
        Ok(args) => match method.effect {
            MethodEffect::Call => {
                Response::Method(MethodCall { platform: receiver.id.clone(), method: name.to_owned(), args })
            }
            MethodEffect::Read => {
                Response::Read(ReadRequest { platform: receiver.id.clone(), method: name.to_owned(), args })
            }
        },
    }
}

/// Whether `args[0]`, an object or the name of a type, has the method `args[1]`: asked by the prelude.
fn has_method(args: &[Value], methods: &MethodTable) -> bool {
    match args {
        [Value::Str(kind), Value::Str(name)] => rewrite::has_method(kind, name),
        // What an object says of itself comes first: an expense has a `description` where other actions have the method.
        [Value::Object(of), Value::Str(name)] if of.attrs.iter().any(|(attribute, _)| attribute == name) => false,
        [Value::Object(of), Value::Str(name)] if of.kind == ObjectKind::Platform => {
            methods.get(&of.id).is_some_and(|all| all.iter().any(|method| method.name == name))
        }
        [Value::Object(of), Value::Str(name)] => known::method_names(of.kind).contains(&name.as_str()),
        _ => false,
    }
}

/// What has to be asked for to know an attribute of a role.
fn role_attribute(object: &ObjectRef, name: &str) -> Option<ReadRequest> {
    let asked =
        object.kind == ObjectKind::Role && matches!(name, "description" | "is_base_role" | "permissions" | "user_set");
    let args = || [("role".to_owned(), object.id.clone().into()), ("attribute".to_owned(), name.into())];
    asked.then(|| ReadRequest {
        platform: COMMUNITY.to_owned(),
        method: "role".to_owned(),
        args: args().into_iter().collect(),
    })
}

fn no_attribute(object: &str, name: &str, known: &[&str]) -> Raised {
    let hint = nearest(name, known).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    Raised { class: "AttributeError".to_owned(), message: format!("`{object}` has no method `{name}`{hint}") }
}
