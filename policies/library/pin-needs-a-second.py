# /// policy
# name = "A pin needs a second"
# kind = "platform"
# description = "Whoever pins a message needs one moderator who seconds it within a day; moderators pin alone."
# action_types = ["slackpinmessage"]
# ///


def initialize():
    variables.seconders = [m.username for m in slack.get_users(role_names=["Moderator"]) if m.username != action.initiator.username]
    return variables


def check():
    if action.initiator.has_role("Moderator"):
        return PASSED
    if not variables.seconders:
        return FAILED
    if proposal.get_yes_votes().exists():
        return PASSED
    if proposal.get_no_votes().count() == len(variables.seconders):
        return FAILED
    if proposal.get_time_elapsed() > datetime.timedelta(days=1):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(channel=action.channel, users=variables.seconders, text=f"{action.initiator.readable_name} pinned a message. Does a moderator second it?")
