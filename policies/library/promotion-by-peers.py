# /// policy
# name = "Members are made by members"
# kind = "constitution"
# description = "Giving somebody a role takes the consent of two members who are not the one who proposes it, and no objection, within three days."
# action_types = ["policykitadduserrole"]
# ///


def initialize():
    variables.voters = [m.username for m in slack.get_users(role_names=["Member"]) if m.username != action.initiator.username]
    return variables


def check():
    if proposal.get_no_votes().exists():
        return FAILED
    if proposal.get_yes_votes().count() >= 2:
        return PASSED
    if proposal.get_time_elapsed() > datetime.timedelta(days=3):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(
        channel="C0MEMBERS",
        users=variables.voters,
        text=f"{action.initiator.readable_name} proposes to {action}. Two in favour and nobody against make it so.",
    )


def success():
    slack.post_message(channel="C0MEMBERS", text="Welcome among us!", thread_ts=proposal.vote_post_id)
