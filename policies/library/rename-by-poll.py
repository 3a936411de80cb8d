# /// policy
# name = "A name is settled elsewhere"
# kind = "platform"
# description = "Whether a channel on Slack is renamed is decided by a poll on Loomio that runs for three days: more agree than disagree, and at least two."
# action_types = ["slackrenameconversation"]
# ///


def check():
    result = metagov.get_process()
    if result is None or result.status != "completed":
        return PROPOSED
    if result.errors:
        logger.error(f"the poll failed: {result.errors}")
        return FAILED
    agree = result.outcome.get("agree")
    disagree = result.outcome.get("disagree")
    return PASSED if agree >= 2 and agree > disagree else FAILED


def notify():
    closing = proposal.proposal_time + datetime.timedelta(days=3)
    process = metagov.start_process(
        "loomio.poll",
        {
            "title": f"Shall {action.previous_name} be called {action.name}?",
            "options": ["agree", "disagree"],
            "closing_at": closing.strftime("%Y-%m-%d"),
        },
    )
    slack.post_message(channel=action.channel, text=f"This is decided on Loomio: {process.get('poll_url')}")


def success():
    slack.post_message(channel=action.channel, text=f"This channel is called {action.name} from now on.")
