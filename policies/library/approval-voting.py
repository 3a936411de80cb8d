# /// policy
# name = "Which of these"
# kind = "trigger"
# description = "A message such as poll: pizza | soup | salad starts a vote in which everybody may choose several; after a day the one that most can live with is announced."
# action_types = ["slackpostmessage"]
# ///


def filter():
    return action.text.startswith("poll:") and "|" in action.text


def initialize():
    variables.options = [part.strip() for part in action.text[5:].split("|") if part.strip()]
    return variables


def check():
    if proposal.get_time_elapsed() < datetime.timedelta(days=1):
        return PROPOSED
    counts = {option: proposal.get_choice_votes(value=option).count() for option in variables.options}
    best = max(counts.values())
    winners = [option for option in variables.options if counts[option] == best]
    if best == 0:
        return FAILED
    proposal.data.set("winners", winners)
    return PASSED


def notify():
    slack.initiate_vote(channel=action.channel, options=variables.options, multiple=True, text="Choose everything you can live with.")


def success():
    winners = " and ".join(proposal.data.get("winners"))
    slack.post_message(channel=action.channel, text=f"Most can live with {winners}.", thread_ts=proposal.vote_post_id)


def fail():
    slack.post_message(channel=action.channel, text="Nobody wants any of it.", thread_ts=proposal.vote_post_id)
