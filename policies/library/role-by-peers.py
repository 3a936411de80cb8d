# /// policy
# name = "Gardeners choose gardeners"
# kind = "trigger"
# description = "Whoever writes /policykit gardener and somebody's id on Discord asks the gardeners; when three of them agree and nobody objects for a day, the role is given."
# action_types = ["discordslashcommand"]
# ///


def filter():
    words = action.value.split()
    return len(words) == 2 and words[0] == "gardener"


def initialize():
    variables.candidate = action.value.split()[1]
    variables.gardeners = [g.username for g in discord.get_users_with_role("700") if g.username != variables.candidate]
    return variables


def check():
    if proposal.get_no_votes().exists():
        return FAILED
    if proposal.get_time_elapsed() < datetime.timedelta(days=1):
        return PROPOSED
    return PASSED if proposal.get_yes_votes().count() >= 3 else FAILED


def notify():
    discord.respond("The gardeners are asked.")
    discord.initiate_vote(users=variables.gardeners, text=f"<@{action.initiator.username}> proposes <@{variables.candidate}> as a gardener. A day to object.")


def success():
    discord.add_member_role(variables.candidate, "700")
    discord.post_message(f"Welcome among the gardeners, <@{variables.candidate}>!", channel=action.channel)


def fail():
    discord.post_message("Not this time.", channel=action.channel, message_id=proposal.vote_post_id)
