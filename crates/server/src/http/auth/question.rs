//! What has to be known before a browser can be sent to a platform, such as the address of a forum.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use policykit_core::descriptor::PlatformDescriptor;
use policykit_platforms::platform::Journey;

use crate::http::{AppState, chrome::Chrome, errors::page, layers::leading_away};

/// The page.
#[derive(Debug, Template)]
#[template(path = "question.html")]
struct QuestionPage {
    chrome: Chrome,
    title: String,
    lede: String,
    address: String,
    problem: Option<String>,
    fields: Vec<FieldView>,
    said: Vec<(&'static str, String)>,
    form: Option<String>,
    csrf: String,
}

#[derive(Debug)]
struct FieldView {
    name: &'static str,
    label: &'static str,
    hint: String,
    value: String,
}

/// What is asked, of whom.
pub(super) struct Asked<'a> {
    /// The platform whose questions they are.
    pub(super) platform: &'a PlatformDescriptor,
    /// What for.
    pub(super) journey: Journey,
    /// Where a key can be entered instead.
    pub(super) form: Option<String>,
    /// What was answered so far.
    pub(super) answers: &'a BTreeMap<String, String>,
    /// What has to be said besides answers.
    pub(super) said: Vec<(&'static str, String)>,
    /// Why it is asked once more.
    pub(super) problem: Option<String>,
}

/// Asks a platform's questions, in a form with this signature.
pub(super) fn ask(app: &AppState, asked: Asked<'_>, csrf: &str) -> Response {
    let Asked { platform, journey, form, answers, said, problem } = asked;
    let name = platform.name;
    let (title, lede, path) = match journey {
        Journey::Install => (
            "Configure".to_owned(),
            format!("Which community on {name} is PolicyKit to be added to? You are asked there to approve it."),
            "install",
        ),
        Journey::SignIn => (
            format!("Sign in with {name}"),
            format!("You are asked on {name} to approve it. Nothing but who you are is looked at."),
            "login",
        ),
    };
    let fields = platform.questions.iter().map(|question| FieldView {
        name: question.name,
        label: match journey {
            Journey::Install => question.label,
            Journey::SignIn => question.at_sign_in,
        },
        hint: format!("Enter {}.", question.doc),
        value: answers.get(question.name).cloned().unwrap_or_default(),
    });
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let shown = page(&QuestionPage {
        chrome: Chrome::default(),
        title,
        lede,
        address: format!("/auth/{}/{path}", platform.id),
        problem,
        fields: fields.collect(),
        said,
        form,
        csrf: csrf.to_owned(),
    });
    let mut response = (status, shown).into_response();
    // Browsers ask where a form may lead to also of what answers it: somewhere else.
    let policy = HeaderValue::from_static(leading_away(app.transport()));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
