# /// policy
# name = "Consent of everybody"
# kind = "constitution"
# description = "The most basic changes need the consent of every member; who abstains stands aside. After seven days what is left open fails."
# action_types = [
#     "policykitchangeconstitutionpolicy",
#     "policykitaddconstitutionpolicy",
#     "policykitremoveconstitutionpolicy",
#     "policykitaddcommunitydoc",
# ]
# ///


def initialize():
    variables.members = [m.username for m in slack.get_users(role_names=["Member"])]
    return variables


def check():
    if proposal.get_choice_votes(value="block").exists():
        return FAILED
    said = proposal.get_choice_votes(value="consent").count() + proposal.get_choice_votes(value="stand aside").count()
    if said >= len(variables.members) and proposal.get_choice_votes(value="consent").exists():
        return PASSED
    if proposal.get_time_elapsed() > datetime.timedelta(days=7):
        return FAILED
    return PROPOSED


def notify():
    slack.initiate_vote(channel="C0GOVERN", users=variables.members, options=["consent", "stand aside", "block"], text=f"{action.initiator.readable_name} proposes to {action}. It needs the consent of all.")
