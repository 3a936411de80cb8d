# /// policy
# name = "Votes weigh what was contributed"
# kind = "constitution"
# description = "Guidelines are voted on for three days on Discord; every vote weighs as much as its voter's cred, and the heavier side decides."
# action_types = [
#     "policykitaddcommunitydoc",
#     "policykitchangecommunitydoc",
# ]
# ///


def check():
    if proposal.get_time_elapsed() < datetime.timedelta(days=3):
        return PROPOSED
    weights = {"yes": 0, "no": 0}
    for vote in proposal.get_all_boolean_votes():
        side = "yes" if vote.boolean_value else "no"
        weights[side] = weights[side] + sourcecred.get_cred(id=vote.user.username, plugin="discord")
    proposal.data.set("weights", weights)
    return PASSED if weights["yes"] > weights["no"] else FAILED


def notify():
    discord.initiate_vote(channel="500", text=f"{action.initiator.readable_name} proposes to {action}. It would say: {action.text}\nThree days to vote. Votes weigh your cred.")


def success():
    discord.post_message(channel="500", text="The guideline is in force.", message_id=proposal.vote_post_id)
