//! An instance: whether there is one at an address.

use policykit_core::JsonMap;

use super::{descriptor::URL, store::Store};
use crate::platform::{AppConfig, Entered, Inspection};

pub(super) use crate::place::Place as Instance;

/// The id of an instance: its address, however it was copied. What is no address stays as it is.
pub(super) fn id_of(text: &str) -> String {
    Instance::at(text, &AppConfig::default()).map_or_else(|_| text.to_owned(), |found| found.address().to_owned())
}

/// Looks whether there is an instance at the address that somebody entered.
pub(super) async fn inspect(store: &Store, entered: Entered<'_>) -> Result<Inspection, String> {
    let text = entered.answers.get(URL).map(String::as_str).unwrap_or_default();
    let instance = Instance::at(text, entered.app)?;
    store.look(&instance).await.map_err(|error| error.reason().to_owned())?;
    let mut settings = JsonMap::new();
    settings.insert(URL.to_owned(), instance.address().into());
    let (external_id, name) = (instance.address().to_owned(), instance.name());
    Ok(Inspection { external_id, name, acts_as: Vec::new(), settings })
}
