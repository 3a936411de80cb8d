# /// policy
# name = "Only stewards announce"
# kind = "platform"
# description = "In the channel for announcements stewards post; what others write there is taken back. Answers in threads are for everybody."
# action_types = ["slackpostmessage"]
# ///


def filter():
    return action.channel == "C0ANNOUNCE" and not action.thread_ts and not action.initiator.has_role("Steward")


def check():
    return FAILED


def fail():
    slack.post_message(post_type="ephemeral", users=[action.initiator], channel=action.channel, text="This channel is for announcements; please answer in a thread.")
