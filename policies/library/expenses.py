# /// policy
# name = "Expenses are approved"
# kind = "trigger"
# description = "A message that begins with expense, an amount and a purpose asks the treasurers: one of them below 100, two from 100 on, and never the one who asks."
# action_types = ["slackpostmessage"]
# ///


def filter():
    words = action.text.split()
    return len(words) > 2 and words[0].lower() == "expense" and words[1].isdigit()


def initialize():
    words = action.text.split()
    variables.amount = int(words[1])
    variables.purpose = " ".join(words[2:])
    variables.treasurers = [t.username for t in slack.get_users(role_names=["Treasurer"]) if t.username != action.initiator.username]
    variables.needed = 1 if variables.amount < 100 else 2
    return variables


def check():
    if len(variables.treasurers) < variables.needed:
        return FAILED
    if proposal.get_no_votes().exists():
        return FAILED
    if proposal.get_yes_votes().count() >= variables.needed:
        return PASSED
    return PROPOSED


def notify():
    slack.initiate_vote(channel=action.channel, users=variables.treasurers, text=f"{action.initiator.readable_name} asks for {variables.amount}: {variables.purpose}. Needed: {variables.needed}.")


def success():
    slack.post_message(channel=action.channel, text=f"Approved: {variables.amount} for {variables.purpose}.", thread_ts=proposal.vote_post_id)


def fail():
    slack.post_message(channel=action.channel, text=f"Not approved: {variables.purpose}.", thread_ts=proposal.vote_post_id)
