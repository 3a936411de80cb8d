# /// policy
# name = "Large expenses are approved twice"
# kind = "platform"
# description = "Whoever approves an expense of more than 500 on Open Collective needs a treasurer on Slack who agrees within two days; until then the approval is taken back."
# action_types = ["opencollectiveapproveexpense"]
# ///


def initialize():
    expense = opencollective.get_expense(action.expense_id)
    variables.large = expense.get("amount", 0) > 50000
    own = action.initiator.find_linked_username("slack")
    variables.others = [t.username for t in slack.get_users(role_names=["Treasurer"]) if t.username != own]
    return variables


def check():
    if not variables.large:
        return PASSED
    if not variables.others:
        return FAILED
    if proposal.get_yes_votes().exists():
        return PASSED
    if proposal.get_no_votes().exists() or proposal.get_time_elapsed() > datetime.timedelta(days=2):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(channel="C0MONEY", users=variables.others, text=f"{action.initiator.readable_name} approved an expense of more than 500. One more of us has to agree.")


def fail():
    opencollective.post_message(text="This needs the agreement of a second treasurer, which it did not get.", expense_id=action.expense_id)
