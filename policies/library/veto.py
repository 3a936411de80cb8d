# /// policy
# name = "Moderators may stop it"
# kind = "platform"
# description = "A rename stands after twelve hours unless a moderator stops it."
# action_types = ["slackrenameconversation"]
# ///


def initialize():
    variables.moderators = [m.username for m in slack.get_users(role_names=["Moderator"])]
    return variables


def check():
    if proposal.get_choice_votes(value="stop").exists():
        return FAILED
    if proposal.get_time_elapsed() > datetime.timedelta(hours=12):
        return PASSED
    return PROPOSED


def notify():
    slack.initiate_vote(channel=action.channel, users=variables.moderators, options=["stop"], text=f"In twelve hours this channel is called {action.name}, unless a moderator stops it.")
