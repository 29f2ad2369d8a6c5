"""A pull is judged by two policies: the puller's own and the repository's. Which forms of principal each account may use."""

import json
from typing import Any

import pytest

from tests.local_aws.images import PULL, Image, ask, error, seed, token
from tests.local_aws.platform import ACCOUNT, ADMIN, REGION, Stand, allow, refused

TOKEN = "ecr:GetAuthorizationToken"
OWNER = "222222222222"
NOBODY = "333333333333"


def owner(stand: Stand, service: str) -> Any:
    """A client of the account that owns the repositories of these tests."""
    return stand.client(service, (OWNER, ADMIN[1]))


def statement(principal: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Sid": "s", "Effect": effect, "Principal": principal, "Action": list(PULL), **more}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def image(stand: Stand, backend: str, name: str) -> Image:
    """An image in a repository of the other account."""
    owner(stand, "ecr").create_repository(repositoryName=name)
    return seed(backend, name, b"layer", account=OWNER)


@pytest.fixture
def role(stand: Stand, name: str) -> str:
    """The ARN of a role of our account without any right, with a path as roles of clusters have."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    made = stand.client("iam").create_role(
        RoleName=name,
        Path="/nodes/",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    return made["Role"]["Arn"]


def login_as_role(stand: Stand, name: str, role: str, *actions: str) -> str:
    """The login of a session of the role, which gets those rights beside the one to log in."""
    stand.client("iam").put_role_policy(
        RoleName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(TOKEN, *actions))
    )
    key = stand.user(f"{name}-assumes", allow("sts:AssumeRole"))
    got = stand.client("sts", key).assume_role(RoleArn=role, RoleSessionName="node")["Credentials"]
    return token(stand, (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]))


def statuses(stand: Stand, password: str, name: str, image: Image, account: str = OWNER) -> list[int]:
    """Of the three requests that a pull makes: the manifest, a look for the layer, the layer."""
    layer = f"/v2/{name}/blobs/{image.layer_digest}"
    return [
        ask(stand, password, f"/v2/{name}/manifests/v1", account=account).status,
        ask(stand, password, layer, method="HEAD", account=account).status,
        ask(stand, password, layer, account=account).status,
    ]


IMAGE, REFUSED = [200, 200, 307], [403, 403, 403]

FORMS = pytest.mark.parametrize(
    "form",
    [
        {"AWS": ACCOUNT},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": "ROLE"},
        {"AWS": [NOBODY, f"arn:aws:iam::{NOBODY}:root", "ROLE"]},
        {"AWS": "SESSION"},
        {"AWS": "*"},
        "*",
    ],
    ids=["account", "root", "role", "list", "session", "anyone", "star"],
)


def filled(form: Any, name: str, role: str) -> Any:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/node"
    return json.loads(json.dumps(form).replace('"ROLE"', json.dumps(role)).replace("SESSION", session))


@FORMS
def test_across_accounts_each_side_alone_is_refused_and_both_give_the_image(
    stand: Stand, name: str, role: str, image: Image, form: Any
) -> None:
    password = login_as_role(stand, name, role, *PULL)
    assert statuses(stand, password, name, image) == REFUSED

    owner(stand, "ecr").set_repository_policy(
        repositoryName=name, policyText=policy(statement(filled(form, name, role)))
    )
    assert statuses(stand, password, name, image) == IMAGE

    stand.client("iam").put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(TOKEN)))
    assert statuses(stand, password, name, image) == REFUSED


@FORMS
def test_within_an_account_the_repositorys_side_suffices_unless_it_names_the_account_alone(
    stand: Stand, backend: str, name: str, role: str, form: Any
) -> None:
    """An account as principal delegates to its own policies (IAM User Guide, AWS JSON policy elements: Principal)."""
    ecr = stand.client("ecr")
    ecr.create_repository(repositoryName=name)
    image = seed(backend, name, b"layer")
    password = login_as_role(stand, name, role)
    assert statuses(stand, password, name, image, ACCOUNT) == REFUSED
    ecr.set_repository_policy(repositoryName=name, policyText=policy(statement(filled(form, name, role))))
    delegates = form in ({"AWS": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    assert statuses(stand, password, name, image, ACCOUNT) == (REFUSED if delegates else IMAGE)


@pytest.mark.parametrize("principal", [{"AWS": NOBODY}, {"Service": "lambda.amazonaws.com"}], ids=["other", "service"])
def test_a_statement_for_somebody_else_opens_nothing(
    stand: Stand, name: str, role: str, image: Image, principal: Any
) -> None:
    password = login_as_role(stand, name, role, *PULL)
    owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=policy(statement(principal)))
    assert statuses(stand, password, name, image) == REFUSED


def test_the_refusal_says_which_side_is_missing(stand: Stand, name: str, role: str, image: Image) -> None:
    password = login_as_role(stand, name, role, *PULL)

    def told() -> str:
        return error(ask(stand, password, f"/v2/{name}/manifests/v1", account=OWNER))[2].rpartition("because ")[2]

    assert told() == "no resource-based policy allows the ecr:BatchGetImage action"
    owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=policy(statement({"AWS": role})))
    stand.client("iam").put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(TOKEN)))
    assert told() == "no identity-based policy allows the ecr:BatchGetImage action"


@pytest.mark.parametrize("principal", [{"AWS": ACCOUNT}, {"AWS": "ROLE"}, "*"], ids=["account", "role", "star"])
def test_a_deny_on_the_repositorys_side_wins_over_both_allows(
    stand: Stand, name: str, role: str, image: Image, principal: Any
) -> None:
    password = login_as_role(stand, name, role, *PULL)
    text = policy(statement({"AWS": role}), statement(filled(principal, name, role), "Deny"))
    owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=text)
    assert statuses(stand, password, name, image) == REFUSED


def test_a_deny_on_the_pullers_side_wins_over_both_allows(stand: Stand, name: str, role: str, image: Image) -> None:
    password = login_as_role(stand, name, role, *PULL)
    owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=policy(statement({"AWS": role})))
    stand.client("iam").put_role_policy(
        RoleName=name, PolicyName="deny", PolicyDocument=json.dumps(allow(*PULL, effect="Deny"))
    )
    assert statuses(stand, password, name, image) == REFUSED


def test_a_deny_binds_the_accounts_root_too(stand: Stand, name: str, image: Image) -> None:
    password = token(stand, (OWNER, ADMIN[1]))
    assert statuses(stand, password, name, image) == IMAGE
    owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=policy(statement("*", "Deny")))
    assert statuses(stand, password, name, image) == REFUSED


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, IMAGE),
        ({"StringEquals": {"aws:PrincipalAccount": NOBODY}}, REFUSED),
        ({"StringEquals": {"aws:ResourceAccount": OWNER}}, IMAGE),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, REFUSED),
        ({"Bool": {"aws:SecureTransport": "true"}}, IMAGE),
    ],
    ids=["our account", "another account", "the owner", "another region", "TLS"],
)
def test_a_condition_that_can_be_judged_is(
    stand: Stand, name: str, role: str, image: Image, condition: Any, expected: list[int]
) -> None:
    password = login_as_role(stand, name, role, *PULL)
    text = policy(statement("*", Condition=condition))
    owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=text)
    assert statuses(stand, password, name, image) == expected


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, "a condition on aws:PrincipalOrgID"),
        ({"Condition": {"StringLike": {"aws:PrincipalTag/team": "*"}}}, "a condition on aws:PrincipalTag/team"),
        ({"Condition": {"StringLike": {"aws:PrincipalAccount": "${aws:userid}"}}}, "a policy variable"),
        (
            {"Condition": {"ForAnyValue:StringLike": {"aws:PrincipalAccount": "*"}}},
            "the condition operator ForAnyValue:StringLike",
        ),
        ({"Principal": {"Federated": "accounts.google.com"}}, "a Federated principal"),
        ({"Principal": None, "NotPrincipal": {"AWS": ACCOUNT}}, "NotPrincipal"),
    ],
    ids=["organization", "principal's tag", "variable", "operator", "federated", "not principal"],
)
def test_what_could_not_be_judged_is_refused_by_name(
    stand: Stand, name: str, image: Image, changed: Any, said: str
) -> None:
    bad = {key: value for key, value in {**statement({"AWS": ACCOUNT}), **changed}.items() if value is not None}
    with refused("InvalidParameterException", f"the local stand-in for ECR can't judge {said} in a repository policy"):
        owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=policy(bad))


@pytest.mark.parametrize(
    "principal",
    [
        ACCOUNT,
        {"AWS": "12345"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/no-such-role"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/no-such-user"},
        {"AWS": [ACCOUNT, 5]},
    ],
    ids=["bare account", "short account", "pattern", "no such role", "no such user", "number"],
)
def test_a_principal_that_ecr_does_not_take_is_refused(stand: Stand, name: str, image: Image, principal: Any) -> None:
    with refused("InvalidParameterException", "Invalid repository policy provided"):
        owner(stand, "ecr").set_repository_policy(repositoryName=name, policyText=policy(statement(principal)))


def test_a_condition_for_a_service_is_kept_although_no_service_pulls_here(
    stand: Stand, name: str, image: Image
) -> None:
    """What Lambda adds by itself to a repository whose images its functions use (Lambda Developer Guide, Container images)."""
    condition = {"StringLike": {"aws:sourceArn": f"arn:aws:lambda:{REGION}:{OWNER}:function:*"}}
    text = policy(statement({"Service": "lambda.amazonaws.com"}, Condition=condition))
    ecr = owner(stand, "ecr")
    ecr.set_repository_policy(repositoryName=name, policyText=text)
    assert ecr.get_repository_policy(repositoryName=name)["policyText"] == text
