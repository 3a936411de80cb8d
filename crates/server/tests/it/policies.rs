//! The policies the tests share.

use policykit_testkit::Draft;

/// Action type: a message was posted.
pub(crate) const POST: &str = "slackpostmessage";
/// Action type: a channel was renamed.
pub(crate) const RENAME: &str = "slackrenameconversation";

/// Messages with a certain word disappear, and their author is told so alone.
pub(crate) fn no_forbidden_word() -> Draft {
    Draft::platform("No forbidden word", &[POST])
        .filter("return 'forbidden' in action.text")
        .check("return FAILED")
        .fail(
            "slack.post_message(text=f\"Removed by the policy '{policy.name}'.\", channel=action.channel, \
         users=[action.initiator], post_type='ephemeral')",
        )
}

/// Whoever writes is told so alone, which nobody can look up afterwards.
pub(crate) fn whispers() -> Draft {
    Draft::platform("Whispers", &[POST]).check("return PASSED").success(
        "slack.post_message(text=f'Heard: {action.text}', channel=action.channel, users=[action.initiator], \
         post_type='ephemeral')",
    )
}

/// Renames need two votes for, and fall with two against.
pub(crate) fn renames_by_vote() -> Draft {
    Draft::platform("Renames need a vote", &[RENAME])
        .check(
            "if not proposal.vote_post_id:\n  return PROPOSED\n\
             if proposal.get_yes_votes().count() >= 2:\n  return PASSED\n\
             if proposal.get_no_votes().count() >= 2:\n  return FAILED\n\
             return PROPOSED",
        )
        .notify("slack.initiate_vote(text=f'Rename the channel to {action.name}?', channel='C0GENERAL')")
        .success("slack.post_message(text='The rename was accepted.', channel='C0GENERAL')")
        .fail("slack.post_message(text='The rename was rejected.', channel='C0GENERAL')")
}

/// Every message is answered in the channel.
pub(crate) fn answers() -> Draft {
    Draft::platform("Answers", &[POST])
        .check("slack.post_message(text=f'Heard: {action.text}', channel=action.channel)\nreturn PASSED")
}
