import json
from pathlib import Path
from typing import Any

IAM = Path(__file__).parents[2] / "docs" / "iam"


def statements(name: str) -> list[dict[str, Any]]:
    return json.loads((IAM / name).read_text(encoding="utf-8"))["Statement"]


def test_mode_cronjob_needs_a_part_of_what_mode_lambda_does() -> None:
    """So that whoever may deploy the one may also change the mode."""
    everything = statements("deploy.json")
    for statement in statements("deploy-cronjob.json"):
        assert statement in everything


def test_serving_nodes_changes_nothing_but_policies_of_their_own_roles() -> None:
    for statement in statements("deploy-nodes.json"):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        writes = [action for action in actions if not action.split(":")[1].startswith(("Get", "List", "Describe"))]
        assert set(writes) <= {"iam:PutRolePolicy", "iam:DeleteRolePolicy"}
        assert "*" not in str(statement["Resource"]).replace("CLUSTER/*/*", "")
