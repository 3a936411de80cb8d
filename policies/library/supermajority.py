# /// policy
# name = "Two thirds for the rules"
# kind = "constitution"
# description = "Every change of the rules needs two thirds of those who vote, and at least three votes, within four days."
# ///


def check():
    yes = proposal.get_yes_votes().count()
    no = proposal.get_no_votes().count()
    if proposal.get_time_elapsed() < datetime.timedelta(days=4):
        return PROPOSED
    if yes + no < 3:
        return FAILED
    return PASSED if 3 * yes >= 2 * (yes + no) else FAILED


def notify():
    slack.initiate_vote(channel="C0GOVERN", text=f"{action}: two thirds are needed, and at least three votes, within four days.")
