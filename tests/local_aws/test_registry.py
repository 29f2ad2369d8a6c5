"""The registry side: who may pull what, and what the others are told."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local_aws.images import MANIFEST_TYPE, PULL, ask, error, seed, token
from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, http, wait_until

TOKEN = "ecr:GetAuthorizationToken"
OTHER = "222222222222"


def arn(repository: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:ecr:{REGION}:{account}:repository/{repository}"


def puller(stand: Stand, name: str) -> str:
    """The login of a user that may pull from everywhere."""
    return token(stand, stand.user(name, allow(TOKEN, *PULL)))


def test_a_login_pulls_manifest_and_layers(stand: Stand, backend: str, name: str) -> None:
    stand.client("ecr").create_repository(repositoryName=f"team/{name}")
    image = seed(backend, f"team/{name}", b"layer" * 100_000)
    password = puller(stand, name)

    assert ask(stand, password, "/v2/").status == 200
    manifest = ask(stand, password, f"/v2/team/{name}/manifests/v1")
    assert manifest.status == 200
    assert manifest.headers["docker-content-digest"] == image.digest
    assert manifest.headers["content-type"] == MANIFEST_TYPE
    seen = ask(stand, password, f"/v2/team/{name}/blobs/{image.layer_digest}", method="HEAD")
    assert (seen.status, seen.headers["content-length"]) == (200, str(len(image.layer)))
    sent_on = ask(stand, password, f"/v2/team/{name}/blobs/{image.layer_digest}")
    assert sent_on.status == 307
    link = sent_on.headers["location"]
    assert http("GET", link).data == image.layer
    part = http("GET", link, headers={"range": "bytes=5-9"})
    assert (part.status, part.data) == (206, b"layer")


def test_a_layer_link_is_for_one_layer_and_cannot_be_stretched(stand: Stand, backend: str, name: str) -> None:
    stand.client("ecr").create_repository(repositoryName=name)
    one, two = seed(backend, name, b"one"), seed(backend, name, b"two")
    link = ask(stand, puller(stand, name), f"/v2/{name}/blobs/{one.layer_digest}").headers["location"]
    assert http("GET", link.replace(one.layer_digest, two.layer_digest)).status == 403
    expires = link.partition("X-Amz-Expires-At=")[2].partition("&")[0]
    assert http("GET", link.replace(expires, str(int(expires) + 1))).status == 403
    assert http("GET", link.partition("?")[0]).status == 403


@pytest.mark.parametrize("password", [None, "", "wrong", base64.b64encode(b"{}").decode()])
def test_without_a_token_the_registry_asks_for_one(stand: Stand, password: str | None) -> None:
    answer = ask(stand, password, "/v2/")
    host = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
    assert answer.data == b"Not Authorized\n"


def test_a_token_of_another_region_is_refused(stand: Stand, name: str) -> None:
    password = token(stand, stand.user(name, allow(TOKEN, *PULL)), region="us-east-1")
    assert ask(stand, password, "/v2/").status == 401
    assert ask(stand, password, "/v2/", region="us-east-1").status == 200


def test_a_token_ends_when_its_time_is_over(stand: Stand, name: str) -> None:
    stand.admin("POST", "config", {"token_ttl_seconds": 1})
    try:
        password = puller(stand, name)
    finally:
        stand.admin("POST", "config", {"token_ttl_seconds": 43200})
    ended = wait_until("refused", lambda: (a := ask(stand, password, "/v2/")).status == 401 and a)
    assert b"expired" in ended.data


def test_the_token_of_a_deleted_user_is_refused_even_when_the_name_comes_back(stand: Stand, name: str) -> None:
    iam = stand.client("iam")
    key = stand.user(name, allow(TOKEN, *PULL))
    password = token(stand, key)
    iam.delete_access_key(UserName=name, AccessKeyId=key[0])
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    iam.delete_user(UserName=name)
    assert ask(stand, password, "/v2/").status == 401
    stand.user(name, allow(TOKEN, *PULL))
    assert ask(stand, password, "/v2/").status == 401


def test_a_login_without_the_pull_rights_is_told_which_one_it_lacks(stand: Stand, backend: str, name: str) -> None:
    """The trap of many guides: GetAuthorizationToken alone logs in and then pulls nothing."""
    stand.client("ecr").create_repository(repositoryName=name)
    image = seed(backend, name, b"layer")
    password = token(stand, stand.user(name, allow(TOKEN)))
    user = f"User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform:"

    assert ask(stand, password, "/v2/").status == 200
    assert error(ask(stand, password, f"/v2/{name}/manifests/v1")) == (
        403,
        "DENIED",
        f"{user} ecr:BatchGetImage on resource: {arn(name)} because no identity-based policy allows the "
        "ecr:BatchGetImage action",
    )
    layer = error(ask(stand, password, f"/v2/{name}/blobs/{image.layer_digest}"))
    assert (layer[0], "ecr:GetDownloadUrlForLayer" in layer[2]) == (403, True)
    assert ask(stand, password, f"/v2/{name}/blobs/{image.layer_digest}", method="HEAD").status == 403


def test_rights_on_one_repository_open_no_other(stand: Stand, backend: str, name: str) -> None:
    for repository in (name, f"{name}-other"):
        stand.client("ecr").create_repository(repositoryName=repository)
        seed(backend, repository, b"layer")
    document = allow(*PULL, resource=arn(name))
    document["Statement"] += allow(TOKEN)["Statement"]
    password = token(stand, stand.user(name, document))
    assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 200
    assert ask(stand, password, f"/v2/{name}-other/manifests/v1").status == 403


def repository_policy(principal: str, effect: str = "Allow") -> str:
    statement = {"Sid": "s", "Effect": effect, "Principal": {"AWS": principal}, "Action": list(PULL)}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_in_one_account_the_repository_policy_suffices_and_its_deny_wins(stand: Stand, backend: str, name: str) -> None:
    ecr = stand.client("ecr")
    ecr.create_repository(repositoryName=name)
    seed(backend, name, b"layer")
    user = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    password = token(stand, stand.user(name, allow(TOKEN)))

    ecr.set_repository_policy(repositoryName=name, policyText=repository_policy(user))
    assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 200
    stand.client("iam").put_user_policy(UserName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(*PULL)))
    ecr.set_repository_policy(repositoryName=name, policyText=repository_policy(user, "Deny"))
    denied = error(ask(stand, password, f"/v2/{name}/manifests/v1"))
    assert denied[0] == 403
    assert denied[2].endswith("with an explicit deny in a resource-based policy")


def test_across_accounts_each_policy_alone_is_403_and_both_give_the_image(
    stand: Stand, backend: str, name: str
) -> None:
    theirs = stand.client("ecr", (OTHER, "admin-secret-of-the-tests"))
    theirs.create_repository(repositoryName=name)
    seed(backend, name, b"layer", account=OTHER)
    key = stand.user(name, allow(TOKEN, *PULL))
    password = token(stand, key)

    def pull() -> int:
        return ask(stand, password, f"/v2/{name}/manifests/v1", account=OTHER).status

    assert pull() == 403
    theirs.set_repository_policy(repositoryName=name, policyText=repository_policy(f"arn:aws:iam::{ACCOUNT}:root"))
    assert pull() == 200
    stand.client("iam").put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=json.dumps(allow(TOKEN)))
    assert pull() == 403


def test_what_does_not_exist_is_404_by_its_kind(stand: Stand, backend: str, name: str) -> None:
    stand.client("ecr").create_repository(repositoryName=name)
    seed(backend, name, b"layer")
    password = puller(stand, name)
    assert error(ask(stand, password, f"/v2/{name}-none/manifests/v1"))[:2] == (404, "NAME_UNKNOWN")
    assert error(ask(stand, password, f"/v2/{name}/manifests/v2"))[:2] == (404, "MANIFEST_UNKNOWN")
    assert error(ask(stand, password, f"/v2/{name}/blobs/sha256:{'0' * 64}"))[:2] == (404, "BLOB_UNKNOWN")


def test_an_image_behind_without_a_repository_in_ecr_is_not_served(stand: Stand, backend: str, name: str) -> None:
    seed(backend, name, b"layer")
    assert error(ask(stand, puller(stand, name), f"/v2/{name}/manifests/v1"))[:2] == (404, "NAME_UNKNOWN")


def test_repositories_are_apart_by_region(stand: Stand, backend: str, name: str) -> None:
    stand.client("ecr", region="us-east-1").create_repository(repositoryName=name)
    seed(backend, name, b"layer", region="us-east-1")
    password = puller(stand, name)
    assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 404


def test_pushing_is_refused(stand: Stand, name: str) -> None:
    password = puller(stand, name)
    assert error(ask(stand, password, f"/v2/{name}/blobs/uploads/", method="POST"))[:2] == (405, "UNSUPPORTED")


def test_a_lambda_roles_token_pulls_with_the_roles_rights(stand: Stand, backend: str, name: str) -> None:
    """The login of a role session lives on after the session itself."""
    stand.client("ecr").create_repository(repositoryName=name)
    seed(backend, name, b"layer")
    iam = stand.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="pull", PolicyDocument=json.dumps(allow(TOKEN, *PULL)))
    key = stand.user(name, allow("sts:AssumeRole"))
    session = stand.client("sts", key).assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    password = token(stand, (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]))
    assert ask(stand, password, f"/v2/{name}/manifests/v1").status == 200
    iam.delete_role_policy(RoleName=name, PolicyName="pull")
    denied = error(ask(stand, password, f"/v2/{name}/manifests/v1"))
    assert denied[0] == 403
    assert f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session is not authorized" in denied[2]


def test_many_pulls_at_once_of_a_big_layer_all_come_whole(stand: Stand, backend: str, name: str) -> None:
    stand.client("ecr").create_repository(repositoryName=name)
    image = seed(backend, name, b"0123456789abcdef" * 500_000)
    link = ask(stand, puller(stand, name), f"/v2/{name}/blobs/{image.layer_digest}").headers["location"]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: http("GET", link).data == image.layer, range(16)))


def test_the_login_says_when_it_ends_and_where_it_is_for(stand: Stand, name: str) -> None:
    ecr = stand.client("ecr", stand.user(name, allow(TOKEN)))
    [entry] = ecr.get_authorization_token()["authorizationData"]
    assert entry["proxyEndpoint"] == f"https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
    assert 43100 < entry["expiresAt"].timestamp() - time.time() <= 43200
    many = ecr.get_authorization_token(registryIds=[ACCOUNT, OTHER])["authorizationData"]
    assert [e["proxyEndpoint"].partition(".")[0] for e in many] == [f"https://{ACCOUNT}", f"https://{OTHER}"]


def test_a_user_without_the_right_gets_no_token(stand: Stand, name: str) -> None:
    ecr = stand.client("ecr", stand.user(name))
    with pytest.raises(ecr.exceptions.ClientError, match=r"AccessDeniedException.*ecr:GetAuthorizationToken"):
        ecr.get_authorization_token()
