"""A login fetched through a role of another account: who may assume it, whose login it is, and what it opens."""

import json
from typing import Any

import pytest

from tests.local_aws.images import PULL, Image, ask, error, seed, token
from tests.local_aws.platform import ACCOUNT, ADMIN, Stand, allow, refused

OTHER = "222222222222"
NOBODY = "333333333333"
LOGIN = "ecr:GetAuthorizationToken"


def other(stand: Stand, service: str) -> Any:
    return stand.client(service, (OTHER, ADMIN[1]))


def trust(*principals: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(stand: Stand, name: str, trusted: str, *actions: str) -> str:
    """A role of the other account that may log in, and those actions; its ARN."""
    iam = other(stand, "iam")
    made = iam.create_role(RoleName=name, Path="/pullers/", AssumeRolePolicyDocument=trusted)
    document = json.dumps(allow(LOGIN, *actions))
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
    return made["Role"]["Arn"]


def assume(stand: Stand, key: tuple[str, ...], arn: str) -> tuple[str, ...]:
    got = stand.client("sts", key).assume_role(RoleArn=arn, RoleSessionName="everpull")["Credentials"]
    return got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]


@pytest.fixture
def user(stand: Stand, name: str) -> tuple[str, str]:
    """A user of our account that may assume that role, and nothing else."""
    return stand.user(name, allow("sts:AssumeRole", resource=f"arn:aws:iam::{OTHER}:role/pullers/{name}"))


@pytest.fixture
def image(stand: Stand, backend: str, name: str) -> Image:
    other(stand, "ecr").create_repository(repositoryName=name)
    return seed(backend, name, b"layer", account=OTHER)


@pytest.mark.parametrize("trusted", ["user", "root", "account"])
def test_the_role_is_assumed_when_both_sides_allow_it(
    stand: Stand, name: str, user: tuple[str, str], trusted: str
) -> None:
    ours = {"user": f"arn:aws:iam::{ACCOUNT}:user/{name}", "root": f"arn:aws:iam::{ACCOUNT}:root", "account": ACCOUNT}
    session = assume(stand, user, role(stand, name, trust(ours[trusted])))
    assert stand.client("sts", session).get_caller_identity()["Arn"] == (
        f"arn:aws:sts::{OTHER}:assumed-role/{name}/everpull"
    )


@pytest.mark.parametrize("trusted", [NOBODY, OTHER, f"arn:aws:iam::{NOBODY}:root"])
def test_the_callers_side_alone_is_not_enough(stand: Stand, name: str, user: tuple[str, str], trusted: str) -> None:
    arn = role(stand, name, trust(trusted))
    with refused("AccessDenied", f"user/{name} is not authorized to perform: sts:AssumeRole on resource: {arn}"):
        assume(stand, user, arn)


@pytest.mark.parametrize("granted", [None, "another role", "denied"])
def test_the_roles_side_alone_is_not_enough(stand: Stand, name: str, granted: str | None) -> None:
    policies = {
        None: allow("sts:GetCallerIdentity"),
        "another role": allow("sts:AssumeRole", resource=f"arn:aws:iam::{OTHER}:role/pullers/another"),
        "denied": allow("sts:AssumeRole", effect="Deny"),
    }
    key = stand.user(name, policies[granted])
    arn = role(stand, name, trust(f"arn:aws:iam::{ACCOUNT}:user/{name}"))
    with refused("AccessDenied", f"user/{name} is not authorized to perform: sts:AssumeRole on resource: {arn}"):
        assume(stand, key, arn)


def test_an_external_id_is_asked_for(stand: Stand, name: str, user: tuple[str, str]) -> None:
    arn = role(stand, name, trust(ACCOUNT, Condition={"StringEquals": {"sts:ExternalId": "ours"}}))
    with refused("AccessDenied"):
        assume(stand, user, arn)
    sts = stand.client("sts", user)
    assert sts.assume_role(RoleArn=arn, RoleSessionName="everpull", ExternalId="ours")["Credentials"]


@pytest.mark.parametrize(("pattern", "fits"), [("{name}-caller", True), ("{name}-c*", True), ("{name}-other*", False)])
def test_a_session_fits_a_condition_on_its_roles_arn(stand: Stand, name: str, pattern: str, fits: bool) -> None:
    """Its own ARN has another form (sts, assumed-role), and is not what the condition is held against."""
    iam = stand.client("iam")
    caller = f"{name}-caller"
    arn = iam.create_role(RoleName=caller, AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]["Arn"]
    iam.put_role_policy(RoleName=caller, PolicyName="inline", PolicyDocument=json.dumps(allow("sts:AssumeRole")))
    session = assume(stand, ADMIN, arn)
    wanted = f"arn:aws:iam::{ACCOUNT}:role/{pattern.format(name=name)}"
    lent = role(stand, name, trust(ACCOUNT, Condition={"ArnLike": {"aws:PrincipalArn": wanted}}))
    if fits:
        assume(stand, session, lent)
    else:
        with refused("AccessDenied", "is not authorized to perform: sts:AssumeRole"):
            assume(stand, session, lent)


def test_a_role_that_does_not_exist_is_refused_as_one_that_may_not_be_assumed(
    stand: Stand, name: str, user: tuple[str, str]
) -> None:
    with refused("AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: "):
        assume(stand, user, f"arn:aws:iam::{OTHER}:role/pullers/{name}")


def test_the_login_is_the_roles_and_pulls_by_its_policies(
    stand: Stand, name: str, user: tuple[str, str], image: Image
) -> None:
    """Within the role's own account its policies suffice; the repository has none."""
    session = assume(stand, user, role(stand, name, trust(ACCOUNT), *PULL))
    data = stand.client("ecr", session).get_authorization_token()["authorizationData"]
    assert data[0]["proxyEndpoint"].startswith(f"https://{OTHER}.dkr.ecr.")
    password = token(stand, session)
    assert ask(stand, password, f"/v2/{name}/manifests/v1", account=OTHER).status == 200
    assert ask(stand, password, f"/v2/{name}/blobs/{image.layer_digest}", account=OTHER).status == 307

    document = json.dumps(allow(LOGIN))
    other(stand, "iam").put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
    status, code, message = error(ask(stand, password, f"/v2/{name}/manifests/v1", account=OTHER))
    assert (status, code) == (403, "DENIED")
    assert message.startswith(f"User: arn:aws:sts::{OTHER}:assumed-role/{name}/everpull is not authorized to perform")


def test_the_users_own_rights_are_none_of_the_roles(
    stand: Stand, backend: str, name: str, user: tuple[str, str]
) -> None:
    """Our account's repositories are another account's to the role: its policy and the repository's are both needed."""
    seed(backend, name, b"layer")
    ecr = stand.client("ecr")
    ecr.create_repository(repositoryName=name)
    password = token(stand, assume(stand, user, role(stand, name, trust(ACCOUNT), *PULL)))
    assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 403
    theirs = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": list(PULL)}
    text = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    ecr.set_repository_policy(repositoryName=name, policyText=text)
    assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 200


def test_a_login_ends_with_its_role(stand: Stand, name: str, user: tuple[str, str]) -> None:
    password = token(stand, assume(stand, user, role(stand, name, trust(ACCOUNT), *PULL)))
    assert ask(stand, password, "/v2/", account=OTHER).status == 200
    iam = other(stand, "iam")
    iam.delete_role_policy(RoleName=name, PolicyName="inline")
    iam.delete_role(RoleName=name)
    assert ask(stand, password, "/v2/", account=OTHER).status == 401
