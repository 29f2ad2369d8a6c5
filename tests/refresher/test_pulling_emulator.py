"""Images on the local ECR, where the policies of both sides are enforced: which pull, and what is said of those that don't."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from refresher import aws_clients, handler
from refresher.errors import ImagesRefusedError
from refresher.images import Verdict, parse_image
from refresher.pulling import try_pull
from refresher.registry_http import RegistryHttp

from local.tunnel.authority import Authority
from local.tunnel.proxy import running
from local.tunnel.routes import routes
from tests.local_aws.images import PULL, seed, token
from tests.local_aws.platform import ACCOUNT, ADMIN, REGION, Stand, allow, docker_registry, http
from tests.refresher.conftest import PROXY_VARIABLES
from tests.refresher.test_handler import Context

LOGIN = "ecr:GetAuthorizationToken"
MANIFEST, LAYER = "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"
OWNER = "222222222222"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
PUBLIC = "public.ecr.aws"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry") / "registry") as address:
        yield address


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, backend: str) -> Iterator[Stand]:
    running_stand = Stand(tmp_path_factory.mktemp("aws") / "stand", backend)
    running_stand.start()
    yield running_stand
    running_stand.stop()


@pytest.fixture
def name() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def by_their_own_names(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registries are reached by their own names, through a proxy whose authority is trusted."""
    authority = Authority(tmp_path / "authority")
    with running(routes(stand.endpoint, stand.registry), authority) as proxy:
        for variable in PROXY_VARIABLES:
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.certificate))
        yield


def host(account: str = ACCOUNT) -> str:
    return f"{account}.dkr.ecr.{REGION}.amazonaws.com"


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:ecr:{REGION}:{account}:repository/{name}"


def user_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def repository(stand: Stand, backend: str, name: str, account: str = ACCOUNT) -> None:
    """With one image, tagged v1."""
    stand.client("ecr", (account, ADMIN[1])).create_repository(repositoryName=name)
    seed(backend, name, name.encode(), account=account)


def open_to(stand: Stand, name: str, *actions: str) -> None:
    """The other account's repository lets our account do that."""
    statement = {"Sid": "s", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": list(actions)}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stand.client("ecr", (OWNER, ADMIN[1])).set_repository_policy(repositoryName=name, policyText=text)


def tried(image: str, password: str) -> Verdict:
    with closing(RegistryHttp(lambda: 60.0, 1)) as made:
        return try_pull(made, parse_image(image), ("AWS", password))


def as_user(stand: Stand, name: str, *rights: str) -> str:
    """The password of a login of a new user."""
    return token(stand, stand.user(name, allow(LOGIN, *rights)))


def test_an_image_pulls_with_the_two_rights_and_no_more(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name)
    password = as_user(stand, name, MANIFEST, LAYER)
    assert tried(f"{host()}/{name}:v1", password).status == "pulls"


@pytest.mark.parametrize("missing", [MANIFEST, LAYER])
def test_each_of_the_two_is_missed_by_name(stand: Stand, backend: str, name: str, missing: str) -> None:
    repository(stand, backend, name)
    password = as_user(stand, name, *(right for right in PULL if right != missing))
    verdict = tried(f"{host()}/{name}:v1", password)
    assert (verdict.status, verdict.may_heal) == ("refused", True)
    assert verdict.detail == (
        f"{missing} was denied to {user_arn(name)} on {arn(name)}: allow {missing} in that principal's policy"
    )


@pytest.mark.parametrize("missing", [MANIFEST, LAYER])
def test_another_accounts_repository_must_allow_both_too(stand: Stand, backend: str, name: str, missing: str) -> None:
    repository(stand, backend, name, OWNER)
    password = as_user(stand, name, *PULL)
    image = f"{host(OWNER)}/{name}:v1"
    open_to(stand, name, *(right for right in PULL if right != missing))
    assert tried(image, password).detail == (
        f"{missing} was denied to {user_arn(name)} on {arn(name, OWNER)}: allow that principal {missing} in the policy of"
        f" {arn(name, OWNER)}"
    )
    open_to(stand, name, *PULL)
    assert tried(image, password).status == "pulls"


def test_what_the_other_account_allows_is_not_enough_either(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name, OWNER)
    open_to(stand, name, *PULL)
    assert tried(f"{host(OWNER)}/{name}:v1", as_user(stand, name)).detail == (
        f"{MANIFEST} was denied to {user_arn(name)} on {arn(name, OWNER)}: allow {MANIFEST} in that principal's policy"
    )


def test_a_deny_is_named_with_the_side_it_is_on(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name)
    password = as_user(stand, name, *PULL)
    stand.client("iam").put_user_policy(
        UserName=name, PolicyName="deny", PolicyDocument=json.dumps(allow(LAYER, effect="Deny"))
    )
    assert str(tried(f"{host()}/{name}:v1", password).detail).endswith(
        ": the deny must go (with an explicit deny in an identity-based policy)"
    )


def test_an_image_of_several_platforms_pulls_by_one_of_them(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name)
    image = seed(backend, name, b"another")
    size = len(http("GET", f"{backend}/v2/{ACCOUNT}/{REGION}/{name}/manifests/{image.digest}").data)
    child = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": image.digest, "size": size}
    platform = {"platform": {"os": "linux", "architecture": "amd64"}}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [{**child, **platform}]}).encode()
    put = http(
        "PUT",
        f"{backend}/v2/{ACCOUNT}/{REGION}/{name}/manifests/many",
        body=index,
        headers={"content-type": INDEX_TYPE},
    )
    assert put.status == 201, put.data
    assert tried(f"{host()}/{name}:many", as_user(stand, name, MANIFEST, LAYER)).status == "pulls"


def test_what_is_not_there_is_told_apart(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name)
    password = as_user(stand, name, *PULL)
    assert tried(f"{host()}/{name}:v2", password).detail == "unknown image: the repository has no such tag or digest"
    assert tried(f"{host()}/{name}-not:v1", password).detail == "unknown image: there is no such repository"
    assert tried(f"{host()}/{name}@sha256:{'0' * 64}", password).status == "refused"


def test_any_image_of_a_repository_takes_the_right_to_list_them(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name)
    stand.client("ecr").create_repository(repositoryName=f"{name}-empty")
    assert str(tried(f"{host()}/{name}", as_user(stand, name, *PULL)).detail).startswith("ecr:ListImages was denied")
    password = as_user(stand, f"{name}-lists", *PULL, "ecr:ListImages")
    assert tried(f"{host()}/{name}", password).status == "pulls"
    assert tried(f"{host()}/{name}-empty", password).status == "empty"


def test_a_login_that_is_none_is_refused_as_one(stand: Stand, backend: str, name: str) -> None:
    repository(stand, backend, name)
    for password in ("none", token(stand, ADMIN, "us-east-1")):
        assert tried(f"{host()}/{name}:v1", password).detail == (
            f"{host()} does not accept the login; whoever fetched it may be gone"
        )


def test_an_image_of_ecr_public_pulls_with_its_login_and_with_no_other(stand: Stand, backend: str, name: str) -> None:
    seed(backend, f"alias/{name}", b"layer", account="public", region="")
    data = stand.client("ecr-public", region="us-east-1").get_authorization_token()["authorizationData"]
    password = base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]
    assert tried(f"{PUBLIC}/alias/{name}:v1", password).status == "pulls"
    assert tried(f"{PUBLIC}/alias/{name}", password).status == "pulls"
    assert tried(f"{PUBLIC}/alias/{name}:v2", password).detail == (
        "unknown image: the repository has no such tag or digest"
    )
    assert tried(f"{PUBLIC}/alias/{name}:v1", token(stand, ADMIN)).detail == (
        f"{PUBLIC} does not accept the login; whoever fetched it may be gone"
    )


def test_a_function_tries_an_image_of_another_account_as_the_role_it_has_assumed(
    stand: Stand, backend: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(stand, backend, name, OWNER)
    iam: Any = stand.client("iam", (OWNER, ADMIN[1]))
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]

    def may(*actions: str) -> None:
        iam.put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(LOGIN, *actions)))

    secret = stand.client("secretsmanager").create_secret(Name=name)["ARN"]
    key_id, key = stand.user(name, allow("secretsmanager:*", "sts:AssumeRole"))
    for variable, value in {
        "AWS_ENDPOINT_URL": stand.endpoint,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_REGION": REGION,
        "EVERPULL_SECRET_ID": secret,
        "EVERPULL_REGISTRIES": host(OWNER),
        "EVERPULL_ASSUME_ROLES": role,
        "EVERPULL_VERIFY_IMAGES": f"{host(OWNER)}/{name}:v1",
    }.items():
        monkeypatch.setenv(variable, value)
    aws_clients.forget()
    may(MANIFEST)
    session = f"arn:aws:sts::{OWNER}:assumed-role/{name}/everpull"
    with pytest.raises(ImagesRefusedError, match=f"{LAYER} was denied to {session} on {arn(name, OWNER)}: "):
        handler.handle({}, Context())
    may(MANIFEST, LAYER)
    result = handler.handle({}, Context())
    assert (result["status"], result["images"]) == (
        "fresh",
        [{"image": f"{host(OWNER)}/{name}:v1", "status": "pulls"}],
    )
