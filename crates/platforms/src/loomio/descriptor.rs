//! What Loomio offers.

mod methods;

use policykit_core::descriptor::PlatformDescriptor;

use crate::declare::{Auth, Credential, Field, FieldKind, Question, TriggerType, Voting, Webhook, platform};

/// What Loomio offers. Nothing there can be governed: a group's own decisions are what it is for.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::ApiKey],
        webhook: Webhook::PerInstallation,
        credentials: vec![Credential {
            name: "api_key",
            doc: "key of a member of the group; on their profile under API access",
        }],
        questions: vec![Question {
            name: "url",
            label: "Where is your Loomio?",
            at_sign_in: "Where is your Loomio?",
            doc: "the address of its front page, such as https://www.loomio.com",
        }],
        triggers: triggers(),
        methods: methods::methods(),
        voting: vec![Voting::Boolean, Voting::Choice, Voting::Multi],
        ..platform("loomio", "Loomio")
    }
}

fn triggers() -> Vec<TriggerType> {
    const POLL: &[Field] = &[
        Field::told("key", "the poll's key"),
        Field::told("title", "what is asked"),
        Field::told("poll_type", "what sort of poll it is"),
        Field::told("closing_at", "when it ends"),
        Field::told("results", "the options with what they came to").of(FieldKind::List),
    ];
    const DISCUSSION: &[Field] = &[
        Field::told("id", "id of the discussion").of(FieldKind::Int),
        Field::told("key", "the discussion's key"),
        Field::told("title", "its title"),
    ];
    vec![
        TriggerType::event("loomio.new_discussion", "a discussion was opened", DISCUSSION),
        TriggerType::event("loomio.discussion_edited", "a discussion was edited", DISCUSSION),
        TriggerType::event("loomio.new_comment", "somebody commented", DISCUSSION),
        TriggerType::event("loomio.poll_created", "a poll was opened", POLL),
        TriggerType::event("loomio.poll_edited", "a poll was edited", POLL),
        TriggerType::event("loomio.stance_created", "somebody voted", POLL),
        TriggerType::event("loomio.poll_closing_soon", "a poll ends within a day", POLL),
        TriggerType::event("loomio.poll_closed_by_user", "somebody ended a poll", POLL),
        TriggerType::event("loomio.poll_expired", "a poll came to its end", POLL),
        TriggerType::event("loomio.poll_reopened", "a poll was opened again", POLL),
        TriggerType::event("loomio.outcome_created", "somebody wrote down what a poll means", POLL),
        TriggerType::event("loomio.membership_created", "somebody is new in the group", &[]),
    ]
}
