# /// policy
# name = "Issues say how to see it"
# kind = "trigger"
# description = "An issue on GitHub without a word on how to see the problem is labelled and gets a friendly question."
# action_types = ["webhooktriggeraction"]
# ///


def filter():
    if action.event_type != "github.opened issues":
        return False
    issue = action.data["issue"]
    return "steps" not in (issue["body"] or "").lower()


def check():
    return PASSED


def success():
    repo = action.data["repository"]["name"]
    number = action.data["issue"]["number"]
    github.add_labels(repo, number, ["needs steps"])
    github.post_message("Thank you! Can you tell us the steps after which it happens?", repo, number)
