import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from components.policy import PULL_THROUGH_ACTIONS, fetch_login, pull_through, pull_with_it
from tests.components import cron_job, test_generator_delivery, test_lambda_delivery
from tests.components.roles import IRSA, POD_IDENTITY

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


def test_a_role_that_is_lent_has_the_rights_that_everpull_would_give_its_own_principal() -> None:
    assert statements("pull-role.json") == [
        fetch_login(),
        pull_with_it(["arn:aws:ecr:REGION:OWNER:repository/REPOSITORY"]),
    ]


def test_a_role_that_is_lent_trusts_the_refresher_of_one_stack_by_its_names() -> None:
    (statement,) = statements("pull-role-trust.json")
    assert statement["Principal"] == {"AWS": "arn:aws:iam::ACCOUNT:root"}
    patterns = [arn.replace("STACK", "dev") for arn in statement["Condition"]["ArnLike"]["aws:PrincipalArn"]]
    # The engine ends the names that it makes with a random part.
    refreshers = [
        f"arn:aws:iam::ACCOUNT:role/{test_lambda_delivery.built().one('role:Role').name}-1a2b3c4",
        f"arn:aws:iam::ACCOUNT:user/{cron_job.built().one('user:User').name}-1a2b3c4",
        f"arn:aws:iam::ACCOUNT:role/{cron_job.built(**IRSA).one('role:Role').name}-1a2b3c4",
        f"arn:aws:iam::ACCOUNT:role/{cron_job.built(**POD_IDENTITY).one('role:Role').name}-1a2b3c4",
    ]
    assert test_generator_delivery.built().one("user:User").name == cron_job.built().one("user:User").name
    for pattern, refresher in zip(patterns, refreshers, strict=True):
        assert fnmatchcase(refresher, pattern)
        assert not fnmatchcase(refresher.replace("-dev-", "-dev2-"), pattern)


def test_a_registry_lets_its_caches_be_filled_by_the_rights_that_everpull_gives_its_own_principal() -> None:
    (statement,) = statements("pull-through-registry.json")
    assert statement.pop("Principal") == {"AWS": "REFRESHER"}
    # The pull itself is for the repositories' own policies to allow (Amazon ECR User Guide, Private registry permissions).
    ours = pull_through(["arn:aws:ecr:REGION:OWNER:repository/PREFIX/*"])
    assert statement == {**ours, "Action": list(PULL_THROUGH_ACTIONS)}
