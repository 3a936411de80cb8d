# /// policy
# name = "Messages can be reported"
# kind = "trigger"
# description = "A reaction with the siren tells the moderators about a message, without telling who reported it."
# action_types = ["webhooktriggeraction"]
# ///


def filter():
    return action.event_type == "slack.reaction_added" and action.data["reaction"] == "rotating_light"


def check():
    return PASSED


def success():
    item = action.data["item"]
    moderators = slack.get_users(role_names=["Moderator"])
    slack.post_message(post_type="mpim", users=moderators, text=f"Somebody reported a message in <#{item['channel']}> ({item['ts']}).")
