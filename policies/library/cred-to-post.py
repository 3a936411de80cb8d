# /// policy
# name = "Only who has cred posts here"
# kind = "platform"
# description = "In the topic for proposals on the forum only those may write who have at least 20 cred; what others write is taken back, and they are told how much they have."
# action_types = ["discoursecreatepost"]
# ///


def filter():
    return action.topic_id == 100


def initialize():
    variables.needed = 20
    try:
        variables.cred = sourcecred.get_cred(username=action.initiator.username)
    except Exception:
        variables.cred = 0
    return variables


def check():
    return PASSED if variables.cred >= variables.needed else FAILED


def fail():
    discourse.send_message(
        text=f"To write there takes {variables.needed} cred, and you have {variables.cred}. You wrote:\n\n{action.raw}",
        users=[action.initiator],
        title="About your post",
    )
