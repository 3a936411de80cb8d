# /// policy
# name = "First topics are looked at"
# kind = "platform"
# description = "A topic by somebody whom the forum does not know yet is taken back until one of the moderators lets it through; after two days nobody objected to, it appears by itself."
# action_types = ["discoursecreatetopic"]
# ///


def initialize():
    variables.trust = discourse.get_trust_level(action.initiator)
    variables.moderators = [m.username for m in discourse.get_users_in_group("moderators")]
    return variables


def check():
    if variables.trust > 0:
        return PASSED
    if proposal.get_no_votes().exists():
        return FAILED
    if proposal.get_yes_votes().exists():
        return PASSED
    if proposal.get_time_elapsed() > datetime.timedelta(days=2):
        return PASSED
    return PROPOSED


def notify():
    discourse.initiate_vote(
        users=variables.moderators,
        title=f"Shall this appear: {action.title}",
        text=f"By @{action.initiator.username}:\n\n{action.raw}",
        category=3,
    )
    discourse.send_message(text="Thank you! Somebody looks at your first topic before it appears.", users=[action.initiator], title="Your first topic")


def fail():
    discourse.send_message(text="The moderators decided against your topic. Ask them if you want to know why.", users=[action.initiator], title="Your first topic")
