# /// policy
# name = "A channel is renamed by vote"
# kind = "platform"
# description = "Whoever renames a channel asks the people in it: three in favour, and more than against, within a day."
# action_types = ["slackrenameconversation"]
# ///


def check():
    yes = proposal.get_yes_votes().count()
    no = proposal.get_no_votes().count()
    if yes >= 3 and yes > no:
        return PASSED
    if no >= 3:
        return FAILED
    if proposal.get_time_elapsed() > datetime.timedelta(days=1):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(
        channel=action.channel,
        text=f"{action.initiator.readable_name} wants to rename this channel from {action.previous_name} to {action.name}. Three votes in favour are needed within a day.",
    )


def success():
    slack.post_message(channel=action.channel, text=f"This channel is called {action.name} from now on.", thread_ts=proposal.vote_post_id)


def fail():
    slack.post_message(channel=action.channel, text="The name stays as it was.", thread_ts=proposal.vote_post_id)
