//! What is said when code names a platform that the community is not on.

use super::Host;
use crate::{
    error::{Failure, FailureKind},
    methods::MethodTable,
};

impl Host {
    /// The failure in words that say what to do, where code named a platform that is not connected.
    pub(crate) fn explained(&self, mut failure: Failure, methods: &MethodTable) -> Failure {
        let FailureKind::Exception(class) = &failure.kind else { return failure };
        let name = failure.message.strip_prefix("name '").and_then(|rest| rest.strip_suffix("' is not defined"));
        let Some(name) = name.filter(|_| class == "NameError") else { return failure };
        if methods.contains_key(name) && self.snapshot.platforms.iter().all(|p| p.id != name) {
            failure.message = format!(
                "name '{name}' is not defined: this community is not connected to `{name}`; connect it in the settings, \
                 or leave it out of the policy"
            );
        }
        failure
    }
}
