# /// policy
# name = "Four eyes"
# kind = "constitution"
# description = "A moderator may change the everyday rules as soon as another moderator agrees; proposals by others are not taken."
# action_types = [
#     "policykitaddplatformpolicy",
#     "policykitchangeplatformpolicy",
#     "policykitremoveplatformpolicy",
#     "policykitaddcommunitydoc",
# ]
# ///


def initialize():
    variables.others = [m.username for m in slack.get_users(role_names=["Moderator"]) if m.username != action.initiator.username]
    return variables


def check():
    if not action.initiator.has_role("Moderator") or not variables.others:
        return FAILED
    if proposal.get_no_votes().exists():
        return FAILED
    if proposal.get_yes_votes().exists():
        return PASSED
    return PROPOSED


def notify():
    slack.initiate_vote(post_type="mpim", users=variables.others, text=f"{action.initiator.readable_name} wants to {action}. Do you agree?")
