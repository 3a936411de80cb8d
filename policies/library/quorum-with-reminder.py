# /// policy
# name = "A quorum, and a reminder"
# kind = "constitution"
# description = "A guideline needs a majority, and half of the members must have voted within five days. A day before the end those who have not are reminded."
# action_types = ["policykitaddcommunitydoc"]
# ///


def initialize():
    variables.members = [m.username for m in slack.get_users(role_names=["Member"])]
    variables.quorum = math.ceil(len(variables.members) / 2)
    return variables


def check():
    yes = proposal.get_yes_votes()
    no = proposal.get_no_votes()
    voted = [vote.user.username for vote in yes] + [vote.user.username for vote in no]
    elapsed = proposal.get_time_elapsed()
    if elapsed > datetime.timedelta(days=5):
        if len(voted) < variables.quorum:
            return FAILED
        return PASSED if len(yes) > len(no) else FAILED
    if elapsed > datetime.timedelta(days=4) and not proposal.data.get("reminded"):
        missing = [name for name in variables.members if name not in voted]
        if missing:
            names = ", ".join(f"<@{name}>" for name in missing)
            slack.post_message(channel="C0GOVERN", text=f"A day is left, and we have not heard from {names}.", thread_ts=proposal.vote_post_id)
        proposal.data.set("reminded", True)
    if len(voted) == len(variables.members):
        return PASSED if len(yes) > len(no) else FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(channel="C0GOVERN", users=variables.members, text=f"Shall {action.name} be one of our guidelines? {variables.quorum} votes are needed.")
