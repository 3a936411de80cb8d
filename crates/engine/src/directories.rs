//! The mirror of a platform's directories: who is there, and what channels are called.

use policykit_core::{
    community::{Installation, User},
    ids::UserId,
};
use policykit_platforms::{
    Platform,
    platform::{CallError, SendContext},
};
use policykit_store::{Changes, ChannelRow, MOST_CHANNELS};

use crate::{Engine, EngineError, install::InstallError, parts::Parts};

/// What is read page by page.
#[derive(Debug, Clone, Copy)]
enum Directory {
    People,
    Channels,
}

/// A page of a directory.
struct Page {
    /// What is kept of it.
    changes: Changes,
    /// How much is on it.
    count: usize,
    /// Where the directory goes on.
    next: Option<String>,
}

impl Engine {
    /// Reads the whole directory of people of an installation into the mirror. Returns how many there are.
    ///
    /// # Errors
    /// When the platform cannot be read; what was read until then is kept.
    pub async fn refresh_people(&self, installation: &Installation) -> Result<usize, InstallError> {
        self.0.mirror(installation, Directory::People, usize::MAX).await
    }

    /// Reads the directory of channels of an installation into the mirror, as far as it is kept. Returns how many there
    /// are. They are for people who read pages: nothing that is decided rests on them.
    ///
    /// # Errors
    /// When the platform cannot be read; what was read until then is kept.
    pub async fn refresh_channels(&self, installation: &Installation) -> Result<usize, InstallError> {
        let count = self.0.mirror(installation, Directory::Channels, MOST_CHANNELS).await?;
        let scope = self.0.db.community(installation.community);
        scope.channels_read(installation.id, self.0.clock.now()).await?;
        Ok(count)
    }

    /// Reads the channels of places of which they were never read: those connected before names were kept, and those whose
    /// platform could not be read at that moment. Without names pages show ids, which stops nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn name_channels(&self) -> Result<(), EngineError> {
        for place in self.0.db.system().places_with_unread_channels().await? {
            if let Err(error) = self.refresh_channels(&place).await {
                tracing::warn!(%error, platform = %place.platform, community = %place.community, "engine.channels");
            }
        }
        Ok(())
    }
}

impl Parts {
    async fn mirror(&self, installation: &Installation, which: Directory, most: usize) -> Result<usize, InstallError> {
        let Some(platform) = self.registry.get(&installation.platform) else { return Ok(0) };
        let context = self.read_context(installation).await?;
        let mut cursor: Option<String> = None;
        let mut read = 0;
        loop {
            let Page { changes, count, next } = self.page(which, platform, cursor.as_deref(), &context).await?;
            if count > 0 {
                self.db.commit(changes).await?;
            }
            read += count;
            match next {
                Some(next) if read < most => cursor = Some(next),
                _ => return Ok(read),
            }
        }
    }

    async fn page(
        &self,
        which: Directory,
        platform: &dyn Platform,
        cursor: Option<&str>,
        context: &SendContext,
    ) -> Result<Page, CallError> {
        let (installation, community) = (context.installation.id, context.installation.community);
        match which {
            Directory::People => {
                let page = platform.people(cursor, context).await?;
                let users: Vec<User> = page
                    .people
                    .into_iter()
                    .map(|p| User {
                        id: UserId::derive(installation, &p.external_id),
                        community,
                        installation,
                        external_id: p.external_id,
                        name: p.name,
                        is_admin: p.is_admin,
                        is_bot: p.is_bot,
                        is_gone: p.is_gone,
                    })
                    .collect();
                let count = users.len();
                Ok(Page { changes: Changes { users, label: "people", ..Changes::default() }, count, next: page.next })
            }
            Directory::Channels => {
                let at = self.clock.now();
                let page = platform.channels(cursor, context).await?;
                let of_page = |channel| ChannelRow { community, installation, channel, at };
                let channels: Vec<ChannelRow> = page.channels.into_iter().map(of_page).collect();
                let count = channels.len();
                let changes = Changes { channels, label: "channels", ..Changes::default() };
                Ok(Page { changes, count, next: page.next })
            }
        }
    }
}
