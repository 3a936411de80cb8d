# /// policy
# name = "Stewards count twice"
# kind = "constitution"
# description = "In matters of guidelines a steward has two votes. After two days the majority decides."
# action_types = [
#     "policykitaddcommunitydoc",
#     "policykitdeletecommunitydoc",
# ]
# ///


def check():
    if proposal.get_time_elapsed() < datetime.timedelta(days=2):
        return PROPOSED
    balance = 0
    for vote in proposal.get_all_boolean_votes():
        weight = 2 if vote.user.has_role("Steward") else 1
        balance += weight if vote.boolean_value else -weight
    proposal.data.set("balance", balance)
    return PASSED if balance > 0 else FAILED


def notify():
    slack.initiate_vote(channel="C0GOVERN", text=f"{action.initiator.readable_name} proposes to {action}. Two days to vote; stewards count twice.")
