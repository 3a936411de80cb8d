# /// policy
# name = "A steward is elected"
# kind = "trigger"
# description = "A moderator who writes election: and names starts one: everybody in the channel has one vote, and after three days the one with most votes is elected; a tie is drawn by lot."
# action_types = ["slackpostmessage"]
# ///


def filter():
    return action.text.startswith("election:") and action.initiator.has_role("Moderator")


def initialize():
    variables.candidates = [name.strip() for name in action.text[9:].split(",") if name.strip()]
    return variables


def check():
    if len(variables.candidates) < 2:
        return FAILED
    if proposal.get_time_elapsed() < datetime.timedelta(days=3):
        return PROPOSED
    counts = [(proposal.get_choice_votes(value=name).count(), name) for name in variables.candidates]
    most = max(count for count, name in counts)
    if most == 0:
        return FAILED
    first = [name for count, name in counts if count == most]
    proposal.data.set("tie", len(first) > 1)
    proposal.data.set("elected", random.choice(first))
    return PASSED


def notify():
    slack.initiate_vote(channel=action.channel, options=variables.candidates, text="Who is to be our steward? The vote ends in three days.")


def success():
    elected = proposal.data.get("elected")
    how = ", by lot" if proposal.data.get("tie") else ""
    slack.post_message(channel=action.channel, text=f"{elected} is our steward{how}.", thread_ts=proposal.vote_post_id)
