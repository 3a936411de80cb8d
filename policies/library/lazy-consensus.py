# /// policy
# name = "Silence is consent"
# kind = "constitution"
# description = "A guideline comes into force after three days unless somebody objects."
# action_types = [
#     "policykitaddcommunitydoc",
#     "policykitchangecommunitydoc",
# ]
# ///


def check():
    objections = proposal.get_choice_votes(value="object")
    if objections.exists():
        proposal.data.set("objector", objections[0].user.readable_name)
        return FAILED
    if proposal.get_time_elapsed() >= datetime.timedelta(days=3):
        return PASSED
    return PROPOSED


def notify():
    slack.initiate_vote(channel="C0GOVERN", options=["object"], text=f"{action.initiator.readable_name} proposes to {action}. It comes into force in three days unless somebody objects.")


def success():
    slack.post_message(channel="C0GOVERN", text=f"{action.name} is in force.", thread_ts=proposal.vote_post_id)


def fail():
    objector = proposal.data.get("objector")
    slack.post_message(channel="C0GOVERN", text=f"{objector} objects to {action.name}; please talk.", thread_ts=proposal.vote_post_id)
