# /// policy
# name = "Newcomers are welcomed"
# kind = "trigger"
# description = "Whoever joins the workspace gets a message with what they need on the first day."
# action_types = ["webhooktriggeraction"]
# ///


def filter():
    return action.event_type == "slack.team_join"


def check():
    return PASSED


def success():
    account = action.data["user"]["id"]
    slack.post_message(post_type="im", users=[account], text="Welcome! Our guidelines are pinned in #general; ask anything there.")
