# /// policy
# name = "Quiet hours"
# kind = "platform"
# description = "Between ten in the evening and six in the morning (UTC) messages to everybody wait until the morning. Moderators are not held up."
# action_types = ["slackpostmessage"]
# ///


def filter():
    if action.initiator.has_role("Moderator"):
        return False
    if "<!channel>" not in action.text and "<!everyone>" not in action.text:
        return False
    hour = datetime.datetime.now().hour
    return hour >= 22 or hour < 6


def check():
    if 6 <= datetime.datetime.now().hour < 22:
        return PASSED
    return PROPOSED


def notify():
    slack.post_message(post_type="im", users=[action.initiator], text="It is night for some of us: your message to everybody is posted at six.")
