//! The generic layer: actions and processes of plugins, by name.

use policykit_core::descriptor::{Param, ParamKind, PlatformDescriptor};

use crate::declare::{Auth, Method, Returns, Webhook, platform, values, word};

/// Actions of the plugins that policies know.
const ACTIONS: &[&str] = &[
    "discord.get-guild",
    "discord.method",
    "discord.post-message",
    "discord.register-guild-command",
    "discourse.create-message",
    "discourse.create-post",
    "discourse.create-topic",
    "discourse.delete-post",
    "discourse.delete-topic",
    "discourse.lock-post",
    "discourse.recover-post",
    "discourse.recover-topic",
    "github.create-issue",
    "github.get-installation",
    "github.method",
    "loomio.create-discussion",
    "loomio.list-members",
    "opencollective.create-comment",
    "opencollective.create-conversation",
    "opencollective.list-members",
    "opencollective.process-expense",
    "randomness.random-int",
    "randomness.set-lucky-number",
    "slack.method",
    "slack.post-message",
    "sourcecred.total-cred",
    "sourcecred.user-cred",
];

/// Processes of the plugins that policies know.
const PROCESSES: &[&str] = &[
    "discord.vote",
    "discourse.poll",
    "github.issue-comment-vote",
    "github.issue-react-vote",
    "loomio.poll",
    "opencollective.vote",
    "randomness.delayed-stochastic-vote",
    "slack.advanced-vote",
    "slack.emoji-vote",
];

/// What the generic layer offers.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::None],
        webhook: Webhook::None,
        methods: vec![
            Method::call(
                "perform_action",
                "lets a plugin do something and returns what it answered; parameters are a dictionary, or given by name",
                parameters(ACTIONS),
            )
            .returning(Returns::Anything),
            Method::call(
                "start_process",
                "lets a plugin begin a vote or another process, which is then the proposal's, and returns it; parameters are a dictionary, or given by name",
                parameters(PROCESSES),
            )
            .returning(Returns::Process),
            Method::call("close_process", "ends the proposal's process and returns it; None without one", Vec::new())
                .returning(Returns::Process),
            Method::read("get_process", "the proposal's process as it stands; None without one", Vec::new())
                .returning(Returns::Process),
        ],
        ..platform("metagov", "Metagov")
    }
}

fn parameters(names: &'static [&'static str]) -> Vec<Param> {
    vec![word("name", names), values("parameters"), Param::optional("more", ParamKind::Rest)]
}
