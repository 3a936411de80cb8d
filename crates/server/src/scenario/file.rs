//! The file: its keys, where each stands, and what can be said to be wrong before anything is played.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use policykit_core::{JsonMap, Timestamp, constitution, descriptor::PlatformDescriptor};
use policykit_platforms::Registry;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_saphyr::Spanned;

use super::{Place, ScenarioError, names::unknown};

/// A story: who is there, what somebody does, and what the policies are expected to make of it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where it was read from.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
    pub(super) script: Script,
}

/// The file as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    name: Spanned<String>,
    #[serde(default)]
    policy: Option<Spanned<PathBuf>>,
    #[serde(default)]
    policies: Vec<Spanned<PathBuf>>,
    /// When it begins.
    #[serde(default)]
    starts: Option<Spanned<String>>,
    pub(super) community: Community,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Json>,
    pub(super) action: Action,
    #[serde(default)]
    pub(super) replies: Vec<Reply>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Community {
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) platforms: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) roles: Vec<Role>,
    #[serde(default)]
    pub(super) users: Vec<User>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) permissions: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) platform: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) roles: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) admin: bool,
    #[serde(default)]
    pub(super) bot: bool,
}

/// Where an action comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CameFrom {
    Platform,
    PolicyKit,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    #[serde(rename = "type")]
    pub(super) kind: Spanned<String>,
    #[serde(default)]
    pub(super) initiator: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) origin: Option<Spanned<CameFrom>>,
    #[serde(default)]
    pub(super) fields: JsonMap,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) call: Spanned<String>,
    #[serde(default)]
    pub(super) args: JsonMap,
    #[serde(default)]
    pub(super) returns: Option<Json>,
    #[serde(default)]
    pub(super) refused: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    after: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) votes: Vec<Vote>,
    /// What is answered from this step on.
    #[serde(default)]
    pub(super) replies: Vec<Reply>,
    #[serde(default)]
    pub(super) expect: Expect,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vote {
    pub(super) user: Spanned<String>,
    pub(super) value: Json,
    /// Whether the ballot is expected not to count.
    #[serde(default)]
    pub(super) refused: bool,
}

/// What is expected; what is left out may be as it likes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) matched: Option<Spanned<bool>>,
    pub(super) policy: Option<Spanned<String>>,
    pub(super) status: Option<Spanned<String>>,
    pub(super) reverted: Option<Spanned<bool>>,
    pub(super) executed: Option<Spanned<bool>>,
    pub(super) calls: Option<Spanned<Vec<Spanned<Json>>>>,
    pub(super) logs: Option<Spanned<Vec<Json>>>,
    pub(super) data: Option<Spanned<JsonMap>>,
    pub(super) variables: Option<Spanned<JsonMap>>,
    pub(super) error: Option<Spanned<Json>>,
}

pub(super) fn place<T>(at: &Spanned<T>) -> Place {
    Place { line: at.referenced.line(), column: at.referenced.column() }
}

/// Names that `status` can be expected to have.
const STATUSES: [&str; 5] = ["proposed", "passed", "failed", "held", "superseded"];

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// Names file, line and key, and says what would be right.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(file)
            .map_err(|error| Place::default().error(file, "", format!("cannot be read: {error}")))?;
        Self::parse(file, &text)
    }

    /// Reads a scenario from its text; `file` is where relative paths in it begin.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let script: Script = serde_saphyr::from_str(text).map_err(|error| {
            let at = error.location().map_or(Place::default(), |l| Place { line: l.line(), column: l.column() });
            at.error(file, "", plainly(&error))
        })?;
        let fail = |at: Place, key: &str, problem: &str| Err(at.error(file, key, problem));
        if script.name.value.trim().is_empty() {
            return fail(place(&script.name), "name", "is empty; say in a few words what happens");
        }
        if script.steps.is_empty() {
            return fail(place(&script.name), "steps", "is empty; a scenario has at least one step with `expect`");
        }
        Ok(Self { file: file.to_owned(), name: script.name.value.clone(), script })
    }

    /// The files of its policies, in the order in which they are tried. Empty when it names none.
    pub fn policies(&self) -> Vec<PathBuf> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        self.script.policy.iter().chain(&self.script.policies).map(|path| folder.join(&path.value)).collect()
    }

    /// The platforms the community is on, in order.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &str> {
        self.script.community.platforms.value.iter().map(|p| p.value.as_str())
    }

    /// The platform somebody is on: the first one unless it says otherwise.
    pub(super) fn platform_of(&self, account: &str) -> &str {
        let user = self.script.community.users.iter().find(|user| user.id.value == account);
        let named = user.and_then(|user| user.platform.as_ref()).map(|p| p.value.as_str());
        named.or_else(|| self.platforms().next()).unwrap_or_default()
    }

    /// The platform the action is on: the one that has such actions.
    pub(super) fn platform_of_action(&self, registry: &Registry) -> &str {
        let kind = self.script.action.kind.value.as_str();
        let has = |id: &&str| {
            let known = registry.known();
            let descriptor = known.iter().find(|d| d.id == *id);
            descriptor.is_some_and(|d| d.action_type(kind).is_some() || d.trigger(kind).is_some())
        };
        self.platforms().find(has).or_else(|| self.platforms().next()).unwrap_or_default()
    }

    /// When it begins: by default on a Monday, 5 January 2026 at nine.
    pub(super) fn starts(&self) -> Result<Timestamp, ScenarioError> {
        let Some(starts) = &self.script.starts else { return Ok(Timestamp::from_secs(1_767_603_600)) };
        let parsed: Result<jiff::Timestamp, _> = starts.value.parse();
        parsed.map(|at| Timestamp::from_micros(at.as_microsecond())).map_err(|_| {
            let problem = format!("is `{}`; write a moment as in 2026-01-05T09:00:00Z", starts.value);
            place(starts).error(&self.file, "starts", problem)
        })
    }

    /// How long passes before a step.
    pub(super) fn pause(&self, step: &Step) -> Result<Duration, ScenarioError> {
        let Some(after) = &step.after else { return Ok(Duration::ZERO) };
        let wrong = || {
            let problem = format!("is `{}`; write a length of time as in `90m`, `1h` or `3 days 2h`", after.value);
            place(after).error(&self.file, "after", problem)
        };
        let span: jiff::Span = after.value.parse().map_err(|_| wrong())?;
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        Duration::try_from(length).map_err(|_| wrong())
    }

    /// Whether everything it names is there: platforms, members, roles, methods, types of actions and their fields.
    ///
    /// # Errors
    /// The first name that is not known, with its place and the nearest known one.
    pub fn check(&self, registry: &Registry) -> Result<(), ScenarioError> {
        let (file, script) = (&self.file, &self.script);
        let community = &script.community;
        let known: Vec<&str> = registry.known().iter().map(|d| d.id).collect();
        for (index, platform) in community.platforms.value.iter().enumerate() {
            if !known.contains(&platform.value.as_str()) {
                let problem = unknown("platform", &platform.value, known);
                return Err(place(platform).error(file, "platforms", problem));
            }
            if community.platforms.value.iter().take(index).any(|before| before.value == platform.value) {
                return Err(place(platform).error(file, "platforms", format!("names `{}` twice", platform.value)));
            }
        }
        if community.platforms.value.is_empty() {
            let problem = format!("names no platform; name at least one, of: {}", known.join(", "));
            return Err(place(&community.platforms).error(file, "platforms", problem));
        }
        let roles: Vec<&str> = community.roles.iter().map(|r| r.name.value.as_str()).collect();
        let users: Vec<&str> = community.users.iter().map(|u| u.id.value.as_str()).collect();
        for user in &community.users {
            if users.iter().filter(|id| **id == user.id.value).count() > 1 {
                return Err(place(&user.id).error(file, "id", format!("`{}` stands there twice", user.id.value)));
            }
            if let Some(platform) = user.platform.as_ref().filter(|p| self.platforms().all(|id| id != p.value)) {
                let problem = unknown("platform", &platform.value, self.platforms());
                return Err(place(platform).error(file, "platform", problem));
            }
            if let Some(role) = user.roles.iter().find(|role| !roles.contains(&role.value.as_str())) {
                return Err(place(role).error(file, "roles", unknown("role", &role.value, roles)));
            }
        }
        let votes = script.steps.iter().flat_map(|step| step.votes.iter().map(|vote| ("user", &vote.user)));
        for (key, user) in script.action.initiator.iter().map(|user| ("initiator", user)).chain(votes) {
            if !users.contains(&user.value.as_str()) {
                return Err(place(user).error(file, key, unknown("user", &user.value, users)));
            }
        }
        self.check_action(registry)?;
        for reply in script.replies.iter().chain(script.steps.iter().flat_map(|step| &step.replies)) {
            self.check_method(registry, &reply.call.value, place(&reply.call), "call")?;
            if reply.returns.is_some() == reply.refused.is_some() {
                let problem = "needs either `returns` or `refused`: what is answered, or the code of the refusal";
                return Err(place(&reply.call).error(file, "call", problem));
            }
        }
        for step in &script.steps {
            self.pause(step)?;
            self.check_expected(registry, &step.expect)?;
        }
        self.starts().map(|_| ())
    }

    fn check_action(&self, registry: &Registry) -> Result<(), ScenarioError> {
        let action = &self.script.action;
        let (kind, at) = (action.kind.value.as_str(), place(&action.kind));
        let all = registry.known();
        let here = || all.iter().copied().filter(|d| self.platforms().any(|id| id == d.id));
        let constitution = constitution::action_types();
        let known = here().flat_map(|d| &d.governable).chain(&constitution).find(|t| t.codename == kind);
        let own = here().flat_map(PlatformDescriptor::own_triggers).find(|t| t.event_type == kind);
        let fields = known.map(|t| t.fields.as_slice()).or_else(|| own.map(|t| t.fields));
        let origin = action.origin.as_ref();
        if let Some(origin) = origin.filter(|o| o.value == CameFrom::Platform && constitution::label(kind).is_some()) {
            let problem = "is `platform`, but rules are changed in PolicyKit; write `policykit`";
            return Err(place(origin).error(&self.file, "origin", problem));
        }
        match fields {
            Some(fields) => {
                // What a change of the rules changes is looked up, and cannot be proposed.
                let change = constitution::label(kind).is_some();
                let fields: Vec<&str> =
                    fields.iter().filter(|f| f.used_to_execute || !change).map(|f| f.name).collect();
                match action.fields.keys().find(|name| !fields.contains(&name.as_str())) {
                    Some(name) => Err(at.error(&self.file, "fields", unknown("field", name, fields))),
                    None => Ok(()),
                }
            }
            None if here().any(|d| d.trigger(kind).is_some()) => Ok(()),
            None => {
                let known = here().flat_map(|d| {
                    let actions = d.governable.iter().map(|t| t.codename);
                    actions.chain(d.triggers.iter().map(|t| t.event_type))
                });
                let known = known.chain(constitution.iter().map(|t| t.codename));
                Err(at.error(&self.file, "type", unknown("type of action", kind, known)))
            }
        }?;
        let on = self.platform_of_action(registry);
        if let Some(who) = action
            .initiator
            .as_ref()
            .filter(|who| constitution::label(kind).is_none() && self.platform_of(&who.value) != on)
        {
            let there = self.platform_of(&who.value);
            let problem = format!("is `{}`, who is on `{there}`, but this happens on `{on}`", who.value);
            return Err(place(who).error(&self.file, "initiator", problem));
        }
        Ok(())
    }

    fn check_method(&self, registry: &Registry, call: &str, at: Place, key: &str) -> Result<(), ScenarioError> {
        let methods = registry.methods();
        let known: Vec<String> =
            methods.iter().flat_map(|(id, all)| all.iter().map(move |m| format!("{id}.{}", m.name))).collect();
        if known.iter().any(|name| name == call) {
            return Ok(());
        }
        Err(at.error(&self.file, key, unknown("method", call, known.iter().map(String::as_str))))
    }

    fn check_expected(&self, registry: &Registry, expect: &Expect) -> Result<(), ScenarioError> {
        if let Some(status) = expect.status.as_ref().filter(|s| !STATUSES.contains(&s.value.as_str())) {
            return Err(place(status).error(&self.file, "status", unknown("status", &status.value, STATUSES)));
        }
        for call in expect.calls.iter().flat_map(|calls| &calls.value) {
            let Some((name, args)) = call_of(&call.value) else {
                let problem = "holds something that is no call; write `{platform.method: {argument: value}}`";
                return Err(place(call).error(&self.file, "calls", problem));
            };
            self.check_method(registry, name, place(call), "calls")?;
            let methods = registry.methods();
            let method = name.split_once('.').and_then(|(platform, method)| {
                methods.get(platform).and_then(|all| all.iter().find(|m| m.name == method))
            });
            let params: Vec<&str> = method.iter().flat_map(|m| m.params.iter().map(|p| p.name)).collect();
            if let Some(arg) = args.iter().flat_map(|args| args.keys()).find(|a| !params.contains(&a.as_str())) {
                return Err(place(call).error(&self.file, "calls", unknown("argument", arg, params)));
            }
        }
        Ok(())
    }
}

/// Name and expected arguments of `{platform.method: {…}}` or `platform.method`.
pub(super) fn call_of(call: &Json) -> Option<(&str, Option<&JsonMap>)> {
    match call {
        Json::String(name) => Some((name, None)),
        Json::Object(map) if map.len() == 1 => map.iter().next().and_then(|(name, args)| match args {
            Json::Object(args) => Some((name.as_str(), Some(args))),
            Json::Null => Some((name.as_str(), None)),
            _ => None,
        }),
        _ => None,
    }
}

/// What the reader of the format says, on one line and without the place, which is told already.
fn plainly(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let plain = first.rsplit_once(" at line ").map_or(first, |(message, _)| message);
    plain.trim_start_matches("error: ").to_owned()
}
