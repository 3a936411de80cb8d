//! What SourceCred offers: numbers to read, and nothing else.

use policykit_core::descriptor::{Param, PlatformDescriptor};

use crate::declare::{Auth, Method, Question, Returns, Webhook, int_or, platform, text_or_none};

/// The platform's id.
pub const ID: &str = "sourcecred";

/// The question for the address of the instance, and the setting that keeps the answer.
pub(super) const URL: &str = "url";

/// What SourceCred offers.
pub(super) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::None],
        webhook: Webhook::None,
        questions: vec![Question {
            name: URL,
            label: "Where is your SourceCred instance published?",
            at_sign_in: "Where is your SourceCred instance published?",
            doc: "its address, such as https://cred.example.org",
        }],
        methods: methods(),
        ..platform(ID, "SourceCred")
    }
}

/// Who it is about: by the name of the identity, or by an id on a platform that SourceCred knows.
fn whom() -> Vec<Param> {
    vec![text_or_none("username"), text_or_none("id"), text_or_none("plugin")]
}

fn methods() -> Vec<Method> {
    vec![
        Method::read(
            "get_cred",
            "how much cred somebody has: either by the name of their identity or by their id on a platform; plugin says which platform, such as github, where ids of several could be meant. 0 for somebody who is not there",
            whom(),
        )
        .returning(Returns::Number),
        Method::read(
            "get_recent_cred",
            "how much of it came in the last intervals, which are weeks unless the instance says otherwise",
            [whom(), vec![int_or("intervals", 4)]].concat(),
        )
        .returning(Returns::Number),
        Method::read(
            "get_grain",
            "how much grain somebody has, as text such as 12.5, for it has up to eighteen decimal places; 0 for somebody who is not there",
            whom(),
        )
        .returning(Returns::Text),
        Method::read("get_total_cred", "how much cred all who have an account there have together", Vec::new())
            .returning(Returns::Number),
        Method::read(
            "fetch_total_credcred",
            "the same, under the name that it has in PolicyKit's own policies",
            Vec::new(),
        )
        .returning(Returns::Number),
        Method::read(
            "get_accounts",
            "everybody with an account there, those with most cred first, as dictionaries with name, cred and grain, which is None where no ledger is published",
            Vec::new(),
        )
        .returning(Returns::List),
    ]
}
