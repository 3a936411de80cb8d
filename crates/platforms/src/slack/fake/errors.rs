//! The errors Slack's Web API answers with, as `{"ok": false, "error": …}`.

use serde_json::{Value, json};

macro_rules! refusals {
    ($($variant:ident => $code:literal),+ $(,)?) => {
        /// Why Slack refuses a call. Codes are Slack's own.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(super) enum Refusal {
            $($variant,)+
            /// The token lacks a scope; names the scopes that would do and those it has.
            MissingScope { needed: String, provided: String },
            /// Too many calls; answered with HTTP 429 and `Retry-After` in seconds.
            RateLimited { retry_after_secs: u64 },
            /// Arguments are missing or unreadable; says which.
            InvalidArguments(Vec<String>),
            /// The blocks of a message break a rule; says which.
            InvalidBlocks(Vec<String>),
        }

        impl Refusal {
            /// Slack's code.
            pub(super) const fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                    Self::MissingScope { .. } => "missing_scope",
                    Self::RateLimited { .. } => "ratelimited",
                    Self::InvalidArguments(_) => "invalid_arguments",
                    Self::InvalidBlocks(_) => "invalid_blocks",
                }
            }
        }
    };
}

refusals! {
    AccountInactive => "account_inactive",
    AlreadyArchived => "already_archived",
    AlreadyInChannel => "already_in_channel",
    AlreadyPinned => "already_pinned",
    AlreadyReacted => "already_reacted",
    BadClientSecret => "bad_client_secret",
    BadRedirectUri => "bad_redirect_uri",
    BadTimestamp => "bad_timestamp",
    BotNotFound => "bot_not_found",
    CantArchiveGeneral => "cant_archive_general",
    CantDeleteMessage => "cant_delete_message",
    CantInvite => "cant_invite",
    CantInviteSelf => "cant_invite_self",
    CantKickFromGeneral => "cant_kick_from_general",
    CantKickSelf => "cant_kick_self",
    CantUpdateMessage => "cant_update_message",
    ChannelNotFound => "channel_not_found",
    CodeAlreadyUsed => "code_already_used",
    CompliancePreventsDeletion => "compliance_exports_prevent_deletion",
    ExpiredUrl => "expired_url",
    InvalidAuth => "invalid_auth",
    InvalidClientId => "invalid_client_id",
    InvalidCode => "invalid_code",
    InvalidCursor => "invalid_cursor",
    InvalidGrantType => "invalid_grant_type",
    InvalidFormData => "invalid_form_data",
    InvalidJson => "invalid_json",
    InvalidLimit => "invalid_limit",
    InvalidName => "invalid_name",
    InvalidNameMaxlength => "invalid_name_maxlength",
    InvalidNamePunctuation => "invalid_name_punctuation",
    InvalidNameRequired => "invalid_name_required",
    InvalidNameSpecials => "invalid_name_specials",
    InvalidPostType => "invalid_post_type",
    InvalidRefreshToken => "invalid_refresh_token",
    InvalidScheduledMessageId => "invalid_scheduled_message_id",
    InvalidTime => "invalid_time",
    InvalidUsers => "invalid_users",
    IsArchived => "is_archived",
    JsonNotObject => "json_not_object",
    MessageNotFound => "message_not_found",
    MethodNotSupportedForChannelType => "method_not_supported_for_channel_type",
    MsgTooLong => "msg_too_long",
    NameTaken => "name_taken",
    NoItemSpecified => "no_item_specified",
    NoPin => "no_pin",
    NoReaction => "no_reaction",
    NoText => "no_text",
    NoUser => "no_user",
    NotAllowedTokenType => "not_allowed_token_type",
    NotArchived => "not_archived",
    NotAuthed => "not_authed",
    NotAuthorized => "not_authorized",
    NotInChannel => "not_in_channel",
    NoSuchSubteam => "no_such_subteam",
    RestrictedAction => "restricted_action",
    ThreadNotFound => "thread_not_found",
    TimeInPast => "time_in_past",
    TimeTooFar => "time_too_far",
    TokenExpired => "token_expired",
    TokenRevoked => "token_revoked",
    TooLong => "too_long",
    TooManyUsers => "too_many_users",
    UnknownMethod => "unknown_method",
    UsedUrl => "used_url",
    UserDisabled => "user_disabled",
    UserNotFound => "user_not_found",
    UserNotInChannel => "user_not_in_channel",
    UsersListNotSupplied => "users_list_not_supplied",
    UsersNotFound => "users_not_found",
}

impl Refusal {
    /// The body of the reply.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({ "ok": false, "error": self.code() });
        match self {
            Self::MissingScope { needed, provided } => {
                add(&mut body, "needed", json!(needed));
                add(&mut body, "provided", json!(provided));
            }
            Self::InvalidArguments(messages) | Self::InvalidBlocks(messages) => {
                let messages: Vec<String> = messages.iter().map(|message| format!("[ERROR] {message}")).collect();
                add(&mut body, "response_metadata", json!({ "messages": messages }));
            }
            _ => {}
        }
        body
    }

    /// A required argument is absent.
    pub(super) fn missing(field: &str) -> Self {
        Self::InvalidArguments(vec![format!("missing required field: {field}")])
    }
}

/// Sets a field when the value is an object.
pub(super) fn add(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(field.to_owned(), value);
    }
}

/// Sets a field when there is something to set.
pub(super) fn add_some(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        add(object, field, value);
    }
}
