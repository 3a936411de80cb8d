# /// policy
# name = "Words we do without"
# kind = "platform"
# description = "A message with a word of the list is taken back; the moderators hear of it."
# action_types = ["slackpostmessage"]
# ///


def filter():
    words = [w.strip(".,;:!?").lower() for w in action.text.split()]
    return any(word in words for word in ["idiot", "stupid", "loser"])


def check():
    return FAILED


def fail():
    slack.post_message(
        post_type="im",
        users=[action.initiator],
        text=f"Your message was taken back because of a word in it: {action.text}",
    )
    moderators = slack.get_users(role_names=["Moderator"])
    if moderators:
        slack.post_message(post_type="mpim", users=moderators, text=f"A message by {action.initiator.readable_name} was taken back.")
    logger.info("taken back")
