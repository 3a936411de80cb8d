# /// policy
# name = "Announcements are voted in"
# kind = "platform"
# description = "A post on Reddit that carries the flair Announcement is taken down until three people have answered it with +1 and more of them than with -1; after a day it stays down."
# action_types = ["redditmakepost"]
# ///


def filter():
    return action.flair == "Announcement" and not action.initiator.is_community_admin


def check():
    yes = proposal.get_yes_votes().count()
    no = proposal.get_no_votes().count()
    if yes >= 3 and yes > no:
        return PASSED
    if proposal.get_time_elapsed() > datetime.timedelta(days=1):
        return FAILED
    return PROPOSED


def notify():
    reddit.initiate_vote(title=f"Vote: {action.title}", text=f"u/{action.initiator.username} wants to announce this. Answer with +1 or -1:\n\n{action.text}")


def success():
    reddit.set_sticky(action.name)


def fail():
    reddit.message_user(action.initiator, "Your announcement", "It did not find three people in a day. You can post it again without the flair.")
