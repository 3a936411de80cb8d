# /// policy
# name = "Two maintainers agree before it is merged"
# kind = "trigger"
# description = "A pull request on GitHub gets a check that stays yellow until two maintainers, neither of them its author, have put a thumb up; then it is merged. A thumb down makes the check red."
# action_types = ["webhooktriggeraction"]
# ///


def filter():
    return action.event_type == "github.opened pull_request"


def initialize():
    pull = action.data["pull_request"]
    variables.repo = action.data["repository"]["name"]
    variables.number = pull["number"]
    variables.sha = pull["head"]["sha"]
    author = action.data["sender"]["login"]
    variables.maintainers = [m.username for m in github.get_users_in_team("maintainers") if m.username != author]
    return variables


def check():
    if proposal.get_no_votes(users=variables.maintainers).exists():
        return FAILED
    if proposal.get_yes_votes(users=variables.maintainers).count() >= 2:
        return PASSED
    return PROPOSED


def notify():
    github.set_check(variables.repo, variables.sha, "two maintainers", "in_progress", summary="Waits for two thumbs.")
    github.initiate_vote(variables.repo, text="Two maintainers have to agree.", users=variables.maintainers, issue_number=variables.number)


def success():
    github.set_check(variables.repo, variables.sha, "two maintainers", "success")
    github.merge_pull_request(variables.repo, variables.number, "squash", sha=variables.sha)


def fail():
    github.set_check(variables.repo, variables.sha, "two maintainers", "failure", summary="A maintainer is against it.")
