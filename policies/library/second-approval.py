# /// policy
# name = "Large expenses are approved twice"
# kind = "platform"
# description = "Whoever approves an expense of more than 500 on Open Collective needs another administrator who agrees within two days; until then the approval is taken back."
# action_types = ["opencollectiveapproveexpense"]
# ///




def initialize():
    expense = opencollective.get_expense(action.expense_id)
    variables.large = expense.get("amount", 0) > 50000
    variables.others = [a.username for a in opencollective.get_users_with_collective_role("ADMIN") if a.username != action.initiator.username]
    return variables


def check():
    if not variables.large:
        return PASSED
    if not variables.others:
        return FAILED
    if proposal.get_yes_votes(users=variables.others).exists():
        return PASSED
    if proposal.get_no_votes().exists() or proposal.get_time_elapsed() > datetime.timedelta(days=2):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(channel="C0MONEY", text=f"{action.initiator.readable_name} approved an expense of more than 500. One more of us has to agree.")


def fail():
    opencollective.post_message(text="This needs the agreement of a second administrator, which it did not get.", expense_id=action.expense_id)
