//! Whether what was done or said was for few to hear. Where that cannot be known, it was.

use policykit_core::{
    JsonMap,
    descriptor::FieldKind,
    event::{Event, Heard},
    ids::InstallationId,
};
use policykit_store::{ChannelRow, InboxRow};

use crate::{EngineError, community::CommunityHandle, parts::Parts, propose::PROPOSED_HERE};

impl Parts {
    /// Whether an event is about a conversation that does not let everybody in. `told` is what the batch has said of channels.
    pub(crate) async fn is_private(
        &self,
        community: &CommunityHandle,
        row: &InboxRow,
        event: &Event,
        action_type: &str,
        fields: &JsonMap,
        told: &[ChannelRow],
    ) -> Result<bool, EngineError> {
        let place = row.delivery.installation;
        match &event.heard {
            // Whoever proposes here speaks to the community, but what is to be said in a private channel is for those there.
            Heard::Openly if row.delivery.kind == PROPOSED_HERE => {
                let named = self.channels_in(community, place, action_type, fields);
                let known = self.db.community(row.delivery.community).channels(place, &named).await?;
                Ok(known.iter().any(|channel| channel.is_private))
            }
            Heard::Openly => Ok(false),
            Heard::Privately => Ok(true),
            Heard::In(id) => {
                // What the same batch has told of the channel is not written down yet.
                let mut latest = told.iter().rev();
                if let Some(row) = latest.find(|row| row.installation == place && row.channel.external_id == *id) {
                    return Ok(row.channel.is_private);
                }
                let known = self.db.community(row.delivery.community);
                let known = known.channels(place, std::slice::from_ref(id)).await?;
                Ok(known.iter().all(|channel| channel.is_private))
            }
        }
    }

    /// The channels that an action names.
    fn channels_in(
        &self,
        community: &CommunityHandle,
        place: InstallationId,
        action_type: &str,
        fields: &JsonMap,
    ) -> Vec<String> {
        let platform = community.installation(place).and_then(|place| self.registry.get(&place.platform));
        let Some(known) = platform.and_then(|p| p.descriptor().action_type(action_type)) else { return Vec::new() };
        let channels = known.fields.iter().filter(|field| field.kind == FieldKind::Channel);
        channels.filter_map(|field| fields.get(field.name)?.as_str()).map(str::to_owned).collect()
    }
}
