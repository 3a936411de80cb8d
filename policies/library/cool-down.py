# /// policy
# name = "Cool down"
# kind = "platform"
# description = "A message that shouts is taken back for ten minutes. Whoever still wants it said then, says so, and it is posted."
# action_types = ["slackpostmessage"]
# ///


def filter():
    letters = [c for c in action.text if c.isalpha()]
    loud = [c for c in letters if c.isupper()]
    return len(letters) > 10 and len(loud) > len(letters) * 0.8


def check():
    waited = proposal.get_time_elapsed()
    if waited > datetime.timedelta(hours=1):
        return FAILED
    if waited >= datetime.timedelta(minutes=10) and proposal.get_yes_votes().exists():
        return PASSED
    if proposal.get_no_votes().exists():
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(post_type="mpim", users=[action.initiator], text=f"That was loud. Do you still want to say this in ten minutes? {action.text}")
