# /// policy
# name = "What comes first"
# kind = "trigger"
# description = "A message such as priorities: roof | garden asks everybody to grade each from 0 to 3; after a week the order of the averages is announced."
# action_types = ["slackpostmessage"]
# ///


def filter():
    return action.text.startswith("priorities:") and "|" in action.text


def initialize():
    variables.projects = [part.strip() for part in action.text[11:].split("|") if part.strip()]
    return variables


def check():
    if proposal.get_time_elapsed() < datetime.timedelta(days=7):
        return PROPOSED
    graded = proposal.get_select_votes_by_candidates()
    averages = []
    for project in variables.projects:
        points = 0
        voters = 0
        for grade, names in graded.get(project, {}).items():
            points += int(grade) * len(names)
            voters += len(names)
        averages.append((points / voters if voters else 0, project))
    averages.sort(key=lambda pair: pair[0], reverse=True)
    proposal.data.set("order", [project for average, project in averages])
    return PASSED


def notify():
    slack.initiate_advanced_vote(channel=action.channel, candidates=variables.projects, options=["0", "1", "2", "3"], title="What comes first?", details="0 is unimportant, 3 is urgent. A week from now we count.")


def success():
    order = proposal.data.get("order")
    lines = [f"{place + 1}. {project}" for place, project in enumerate(order)]
    slack.post_message(channel=action.channel, text="\n".join(lines), thread_ts=proposal.vote_post_id)
