//! What a fake begins with. Everything may be left out.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a fake begins with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FakeConfig {
    /// Keys follow from this number.
    pub seed: u64,
    /// Name of the forum; `Forum` when empty.
    pub title: String,
    /// The address it says of itself; where it listens when absent.
    pub public_url: Option<String>,
    /// Everybody but the forum's own account `system`.
    pub members: Vec<MemberSeed>,
    /// Groups beside those that Discourse keeps by itself.
    pub groups: Vec<GroupSeed>,
    /// Categories; `General` alone when there are none.
    pub categories: Vec<CategorySeed>,
    /// Keys made by an administrator.
    pub api_keys: Vec<ApiKeySeed>,
    /// Settings of the site.
    pub settings: Settings,
    /// Calls allowed.
    pub limits: Limits,
    /// Milliseconds before each further try of a delivery that failed; Discourse tries once unless told otherwise.
    pub retry_delays_ms: Vec<u64>,
    /// How long the app may take for an answer, in milliseconds; 20 seconds when absent.
    pub patience_ms: Option<u64>,
    /// A file that the record is also appended to.
    pub record: Option<PathBuf>,
}

/// A member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemberSeed {
    /// The account's name, unique whatever its case.
    pub username: String,
    /// The full name.
    pub name: Option<String>,
    /// Address; made from the name when absent.
    pub email: Option<String>,
    /// Administers the forum.
    pub admin: bool,
    /// Moderates the forum.
    pub moderator: bool,
    /// From 0 to 4; 1 when absent.
    pub trust_level: Option<u8>,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSeed {
    /// Its name.
    pub name: String,
    /// Its name in full.
    pub full_name: Option<String>,
    /// Members by their names.
    pub members: Vec<String>,
    /// Those of them who may add and remove others.
    pub owners: Vec<String>,
    /// Whether members may join by themselves.
    pub public_admission: bool,
    /// Only members, owners and administrators know of it.
    pub hidden: bool,
}

/// What a group may do in a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See it.
    ReadOnly,
    /// See it and answer.
    Reply,
    /// See it, answer, and open topics.
    Full,
}

/// A category.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CategorySeed {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Six hexadecimal digits.
    pub color: Option<String>,
    /// Who may do what, by names of groups; everyone may everything when empty.
    pub permissions: Vec<(String, Permission)>,
}

/// A key made by an administrator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeySeed {
    /// The key; derived from the seed when absent.
    pub key: Option<String>,
    /// Good for this member alone; for everybody when absent.
    pub username: Option<String>,
}

/// How tags are written in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagForm {
    /// With id, name and slug, as since 2026.
    #[default]
    Objects,
    /// By their names alone, as before.
    Names,
}

/// Settings of the site. The defaults are Discourse's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Letters of a title.
    pub min_topic_title_length: usize,
    /// Letters of a post.
    pub min_post_length: usize,
    /// Letters of the first post of a topic.
    pub min_first_post_length: usize,
    /// Letters of a personal message.
    pub min_personal_message_post_length: usize,
    /// Letters of a post at most.
    pub max_post_length: usize,
    /// Two topics may have one title.
    pub allow_duplicate_topic_titles: bool,
    /// How long the same words may not be posted again by somebody who is not staff.
    pub unique_posts_mins: u64,
    /// How long an author's changes make no revision of their own.
    pub editing_grace_period_secs: u64,
    /// How long authors of trust level 0 and 1 may edit.
    pub post_edit_time_limit_mins: u64,
    /// How long authors of a higher level may edit.
    pub tl2_post_edit_time_limit_mins: u64,
    /// From which trust level on members may make new tags.
    pub min_trust_to_create_tag: u8,
    /// From which trust level on members may write polls.
    pub min_trust_to_create_poll: u8,
    /// Options of a poll at most.
    pub poll_maximum_options: usize,
    /// How long a poll that was voted in may be changed.
    pub poll_edit_window_mins: u64,
    /// Posts of members of trust level 0 wait for the staff's eyes.
    pub approve_new_members: bool,
    /// Groups whose members may grant applications keys of theirs.
    pub user_api_key_allowed_groups: Vec<String>,
    /// What such keys may be good for.
    pub allow_user_api_key_scopes: Vec<String>,
    /// Where a member may be sent with a new key; a star at the end stands for anything.
    pub allowed_user_api_auth_redirects: Vec<String>,
    /// Web hooks to addresses of the forum's own network are refused.
    pub block_internal_web_hooks: bool,
    /// How tags are written.
    pub tags: TagForm,
}

impl Default for Settings {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            min_topic_title_length: 15,
            min_post_length: 20,
            min_first_post_length: 20,
            min_personal_message_post_length: 10,
            max_post_length: 32_000,
            allow_duplicate_topic_titles: false,
            unique_posts_mins: 5,
            editing_grace_period_secs: 300,
            post_edit_time_limit_mins: 1_440,
            tl2_post_edit_time_limit_mins: 43_200,
            min_trust_to_create_tag: 3,
            min_trust_to_create_poll: 1,
            poll_maximum_options: 20,
            poll_edit_window_mins: 5,
            approve_new_members: false,
            user_api_key_allowed_groups: texts(&["trust_level_0"]),
            allow_user_api_key_scopes: texts(&[
                "read",
                "write",
                "message_bus",
                "push",
                "one_time_password",
                "notifications",
                "session_info",
                "bookmarks_calendar",
                "user_status",
            ]),
            allowed_user_api_auth_redirects: texts(&["discourse://auth_redirect"]),
            // A fake and whoever it serves live on one machine.
            block_internal_web_hooks: false,
            tags: TagForm::Objects,
        }
    }
}

/// Calls allowed. The default allows any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// By an administrator's key within a minute.
    pub admin_per_minute: Option<u32>,
    /// By a member's key within a minute.
    pub user_per_minute: Option<u32>,
    /// By a member's key within a day.
    pub user_per_day: Option<u32>,
}

impl Limits {
    /// Those of a forum whose administrator left them alone.
    pub const fn discourse() -> Self {
        Self { admin_per_minute: Some(60), user_per_minute: Some(20), user_per_day: Some(2_880) }
    }
}
