# /// policy
# name = "Changes are announced"
# kind = "trigger"
# description = "Whenever a guideline or the holders of a role were changed, everybody hears of it."
# action_types = [
#     "policykitaddcommunitydoc",
#     "policykitchangecommunitydoc",
#     "policykitadduserrole",
#     "policykitremoveuserrole",
# ]
# ///


def check():
    return PASSED


def success():
    slack.post_message(channel="C0GENERAL", text=f"Changed: {action}, proposed by {action.initiator.readable_name}.")
