# /// policy
# name = "Guidelines by consent on Loomio"
# kind = "constitution"
# description = "A new guideline is put to a poll on Loomio for five days. One block stops it; without one it comes into force when at least two consent."
# action_types = ["policykitaddcommunitydoc"]
# ///


def check():
    votes = proposal.get_choice_votes()
    if votes.filter(value="block").exists():
        return FAILED
    if proposal.get_time_elapsed() < datetime.timedelta(days=5):
        return PROPOSED
    return PASSED if votes.filter(value="consent").count() >= 2 else FAILED


def notify():
    loomio.initiate_vote(
        title=f"Guideline: {action.name}",
        closing_at=proposal.proposal_time + datetime.timedelta(days=5),
        options=["consent", "abstain", "block"],
        details=action.text,
        notify_on_closing_soon="undecided_voters",
    )
