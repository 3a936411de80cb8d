# /// policy
# name = "Expenses are voted on in chat"
# kind = "trigger"
# description = "An expense that is submitted on Open Collective is put to the treasurers on Slack. Two in favour and nobody against approve it after three hours; after three days more in favour than against are enough. Whoever submitted it reads the result under the expense."
# action_types = ["expensecreated"]
# ///


def initialize():
    variables.treasurers = [t.username for t in slack.get_users(role_names=["Treasurer"])]
    return variables


def check():
    yes = proposal.get_yes_votes().count()
    no = proposal.get_no_votes().count()
    elapsed = proposal.get_time_elapsed()
    if elapsed < datetime.timedelta(hours=3):
        return PROPOSED
    if yes >= 2 and no == 0:
        return PASSED
    if elapsed > datetime.timedelta(days=3):
        return PASSED if yes > no else FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(
        channel="C0MONEY",
        users=variables.treasurers,
        text=f"{action.expense_user_slug} asks for {action.formatted_amount}: <{action.url}|{action.description}>",
    )
    opencollective.post_message(text="The treasurers are voting on this. It takes three hours at least.", expense_id=action.expense_id)


def success():
    opencollective.process_expense(action.expense_id, "APPROVE")
    opencollective.post_message(text="The treasurers have approved this.", expense_id=action.expense_id)
    slack.post_message(channel="C0MONEY", text=f"Approved: {action.description}.", thread_ts=proposal.vote_post_id)


def fail():
    opencollective.process_expense(action.expense_id, "REJECT", message="The treasurers have voted against this.")
    slack.post_message(channel="C0MONEY", text=f"Rejected: {action.description}.", thread_ts=proposal.vote_post_id)
