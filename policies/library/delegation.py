# /// policy
# name = "Votes can be delegated"
# kind = "constitution"
# description = "Whoever does not vote within two days is counted as the one they trust voted, and so on along the chain. The majority of what is said so decides."
# action_types = ["policykitaddcommunitydoc"]
# ///


def initialize():
    variables.members = [m.username for m in slack.get_users(role_names=["Member"])]
    variables.trusts = {"U03": "U02", "U02": "U01"}
    return variables


def check():
    if proposal.get_time_elapsed() < datetime.timedelta(days=2):
        return PROPOSED
    said = {}
    for vote in proposal.get_all_boolean_votes():
        said[vote.user.username] = vote.boolean_value
    yes = 0
    no = 0
    for member in variables.members:
        at = member
        seen = []
        while at is not None and at not in said and at not in seen:
            seen.append(at)
            at = variables.trusts.get(at)
        if at in said:
            if said[at]:
                yes += 1
            else:
                no += 1
    proposal.data.set("counted", [yes, no])
    return PASSED if yes > no else FAILED


def notify():
    slack.initiate_vote(channel="C0GOVERN", users=variables.members, text=f"{action.name}: vote within two days, or be counted with the one you trust.")
