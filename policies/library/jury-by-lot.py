# /// policy
# name = "A jury by lot"
# kind = "platform"
# description = "Whether somebody is removed from a channel is decided by three people drawn by lot, neither the one who asks nor the one it is about. Two of them decide within two days."
# action_types = ["slackkickconversation"]
# ///


def initialize():
    people = [m.username for m in slack.get_users_in_channel(channel=action.channel)]
    people = [name for name in people if name not in [action.initiator.username, action.user]]
    variables.jury = sorted(random.sample(people, min(3, len(people))))
    return variables


def check():
    if len(variables.jury) < 3:
        logger.warning("there are not enough people for a jury")
        return FAILED
    if proposal.get_yes_votes().count() >= 2:
        return PASSED
    if proposal.get_no_votes().count() >= 2:
        return FAILED
    if proposal.get_time_elapsed() > datetime.timedelta(days=2):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(post_type="mpim", users=variables.jury, text=f"You were drawn by lot: should <@{action.user}> be removed from <#{action.channel}>?")
