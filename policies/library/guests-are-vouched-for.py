# /// policy
# name = "Guests are vouched for"
# kind = "platform"
# description = "In the channel of the members, guests are brought in by members and one other member has to vouch for them within a day. Who brings a member needs nobody."
# action_types = ["slackjoinconversation"]
# ///


def filter():
    return action.channel == "C0MEMBERS"


def initialize():
    variables.members = [m.username for m in slack.get_users(role_names=["Member"])]
    variables.others = [name for name in variables.members if name != action.initiator.username]
    return variables


def check():
    if action.users in variables.members:
        return PASSED
    if action.initiator.username not in variables.members:
        return FAILED
    if proposal.get_yes_votes().exists():
        return PASSED
    if proposal.get_time_elapsed() > datetime.timedelta(days=1):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(channel=action.channel, users=variables.others, text=f"{action.initiator.readable_name} brings <@{action.users}> along. Does another member vouch for them?")
