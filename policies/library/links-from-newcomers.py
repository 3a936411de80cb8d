# /// policy
# name = "Links come from members"
# kind = "platform"
# description = "A message with a link by somebody who is no member yet is taken back, and its author is told why."
# action_types = ["slackpostmessage"]
# ///


def filter():
    if action.initiator is None or action.initiator.has_role("Member"):
        return False
    return "http://" in action.text or "https://" in action.text


def check():
    return FAILED


def fail():
    slack.post_message(
        post_type="ephemeral",
        users=[action.initiator],
        channel=action.channel,
        text="Only members post links here, to keep advertisements out. Say hello first, and somebody will make you a member.",
    )
