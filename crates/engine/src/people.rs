//! What policies read from outside: the mirror of people, and everything else from the platform.

use std::time::Duration;

use policykit_core::{
    Value,
    community::{Installation, InstallationStatus, User},
    ids::CallId,
};
use policykit_platforms::platform::{CallError, Renewal, SendContext};
use policykit_policy::{COMMUNITY, ReadRequest, user_value};
use policykit_store::{Keys, LostInstallation};

use crate::{
    EngineError,
    awaited::{Later, Outside},
    community::CommunityHandle,
    known::Known,
    parts::Parts,
    unread::{failure, recordable, sayable},
};

impl Parts {
    pub(crate) async fn read_context(&self, installation: &Installation) -> Result<SendContext, EngineError> {
        let now = self.clock.now();
        let Keys { generation, secrets: credentials, .. } = self.credentials(installation).await?;
        let mut context = SendContext {
            call: CallId::from_uuid(self.ids.uuid(now)),
            installation: installation.clone(),
            credentials,
            generation,
            app: self.app(&installation.platform),
            planned_at: now,
            now,
            pages: self.options.address.clone(),
            undoing: None,
        };
        if let Err(error) = self.renewed(&mut context, Renewal::WhenDue).await? {
            tracing::warn!(%error, "engine.read.renew");
        }
        Ok(context)
    }

    /// The platform no longer lets us in, as a read found out.
    async fn note_loss(&self, installation: &Installation, generation: i64, reason: &str) -> Result<(), EngineError> {
        let mut changes = self.labelled("lost");
        changes.fences.push(self.fence(installation.community)?);
        changes.installations_lost.push(LostInstallation {
            installation: installation.id,
            status: InstallationStatus::CredentialsDead,
            note: reason.to_owned(),
            generation: Some(generation),
            at: None,
        });
        self.commit(changes).await
    }

    /// Answers what a policy reads: the directory from the mirror, everything else from the platform. Where the platform
    /// refuses, the answer says so, see [`crate::unread`]; where it cannot be asked just now there is none yet.
    pub(crate) async fn read_outside(
        &self,
        community: &CommunityHandle,
        request: &ReadRequest,
    ) -> Result<Outside, EngineError> {
        let about = community.state.installations.iter().filter(|i| match request.platform.as_str() {
            COMMUNITY => i.status != InstallationStatus::Uninstalled,
            platform => community.state.on(platform).is_some_and(|on| on.id == i.id),
        });
        let mut everybody = Vec::new();
        let mut asked = None;
        let scope = self.db.community(community.state.community.id);
        for installation in about {
            everybody.extend(scope.users(installation.id).await?);
            asked = Some(installation);
        }
        let documents = if request.method == "get_documents" { scope.documents().await? } else { Vec::new() };
        let known = Known {
            state: &community.state,
            people: everybody.iter().filter(|u| !u.is_gone).map(|u| (u, community.user_view(u))).collect(),
            documents: &documents,
        };
        if let Some(answer) = known.answer(request) {
            return Ok(Outside::Answer(answer));
        }
        let nothing = Outside::Answer(Value::None);
        let Some(installation) = asked.filter(|_| request.platform != COMMUNITY) else { return Ok(nothing) };
        let Some(platform) = self.registry.get(&installation.platform) else { return Ok(nothing) };
        let mut context = self.read_context(installation).await?;
        let mut answer = platform.read(&request.method, &request.args, &context).await;
        if matches!(answer, Err(CallError::Expired { .. })) {
            answer = match self.renewed(&mut context, Renewal::Refused).await? {
                Ok(()) => platform.read(&request.method, &request.args, &context).await,
                Err(error) => Err(error),
            };
        }
        let name = platform.descriptor().name;
        let error = match answer {
            Ok(value) => {
                let value = recordable(name, &request.method, value);
                return Ok(Outside::Answer(with_people(value, &everybody, community, &request.method)));
            }
            Err(error) => error,
        };
        tracing::warn!(%error, method = %request.method, "engine.read");
        let after_ms = match &error {
            // That it is refused is an answer.
            CallError::Refused { reason } => {
                return Ok(Outside::Answer(failure(name, &request.method, reason)));
            }
            CallError::AccessLost { reason } if !self.has_other_keys(&context).await? => {
                self.note_loss(installation, context.generation, reason).await?;
                return Ok(Outside::Answer(failure(name, &request.method, reason)));
            }
            CallError::Retry { after_ms, .. } => *after_ms,
            CallError::Unknown { .. } | CallError::Expired { .. } | CallError::AccessLost { .. } => 0,
        };
        let (after, reason) = (Duration::from_millis(after_ms), sayable(error.reason()));
        Ok(Outside::Later(Later { after, reason, platform: name }))
    }
}

/// Turns the account ids that a directory method answers with into members.
fn with_people(value: Value, everybody: &[User], community: &CommunityHandle, method: &str) -> Value {
    if !method.starts_with("get_users") {
        return value;
    }
    let Value::List(items) = value else { return value };
    Value::List(
        items
            .into_iter()
            .map(|item| match item.as_str().and_then(|id| everybody.iter().find(|u| u.external_id == id)) {
                Some(user) => user_value(&community.user_view(user)),
                None => item,
            })
            .collect(),
    )
}
