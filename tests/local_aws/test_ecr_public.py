"""ECR Public: who gets a login for it, what it is like, and pulls with it, with none and with a bad one."""

import base64
import json
from typing import Any

import pytest
import urllib3

from tests.local_aws.images import MANIFEST_TYPE, Image, seed, token
from tests.local_aws.platform import ADMIN, REGION, Stand, allow, http, refused, wait_until

LOGIN, BEARER = "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"
HOME = "us-east-1"


def login(stand: Stand, key: tuple[str, ...] = ADMIN, region: str = HOME) -> dict[str, Any]:
    return stand.client("ecr-public", key, region).get_authorization_token()["authorizationData"]


def ask(stand: Stand, path: str, authorization: str = "", method: str = "GET") -> urllib3.BaseHTTPResponse:
    headers = {"accept": MANIFEST_TYPE, **({"authorization": authorization} if authorization else {})}
    return http(method, f"{stand.registry}{path}?ns=public.ecr.aws", headers=headers)


def bearer(stand: Stand, authorization: str = "") -> str:
    answer = ask(stand, "/token/", authorization)
    assert answer.status == 200, answer.data
    return "Bearer " + answer.json()["token"]


def told(answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    return answer.status, answer.json()["errors"][0]["message"]


@pytest.fixture
def image(backend: str, name: str) -> Image:
    return seed(backend, f"alias/{name}", b"layer", account="public", region="")


def test_a_login_is_one_object_that_ends_with_the_configured_life(stand: Stand) -> None:
    data = login(stand)
    assert data.keys() == {"authorizationToken", "expiresAt"}
    assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")


def test_both_rights_are_needed(stand: Stand, name: str) -> None:
    user = f"User: arn:aws:iam::000000000000:user/{name}"
    key = stand.user(name)

    def may(*actions: str) -> None:
        stand.client("iam").put_user_policy(
            UserName=name, PolicyName="inline", PolicyDocument=json.dumps(allow(*actions, "sts:GetCallerIdentity"))
        )

    for granted, missing in (((), LOGIN), ((BEARER,), LOGIN), ((LOGIN,), BEARER)):
        may(*granted)
        text = (
            f"{user} is not authorized to perform: {missing} on resource: * "
            f"because no identity-based policy allows the {missing} action"
        )
        with refused("AccessDeniedException", text):
            login(stand, key)
    may(LOGIN, BEARER)
    assert login(stand, key)


def test_the_bearer_right_may_be_for_this_service_alone(stand: Stand, name: str) -> None:
    def policy(service: str) -> dict[str, Any]:
        condition = {"StringEquals": {"sts:AWSServiceName": service}}
        statements = allow(LOGIN)["Statement"] + [{**allow(BEARER)["Statement"][0], "Condition": condition}]
        return {"Version": "2012-10-17", "Statement": statements}

    assert login(stand, stand.user(name, policy("ecr-public.amazonaws.com")))
    with refused("AccessDeniedException", BEARER):
        login(stand, stand.user(f"{name}-other", policy("codeartifact.amazonaws.com")))


def test_a_denied_bearer_token_is_said_to_be_denied(stand: Stand, name: str) -> None:
    policy = allow(LOGIN, BEARER)
    policy["Statement"] += allow(BEARER, effect="Deny")["Statement"]
    with refused("AccessDeniedException", f"{BEARER} on resource: * with an explicit deny in an identity-based policy"):
        login(stand, stand.user(name, policy))


def test_only_one_region_has_logins(stand: Stand) -> None:
    with refused("UnsupportedCommandException", f"not supported in {REGION}"):
        login(stand, region=REGION)


def test_anyone_may_pull_by_a_token_that_wants_no_login(stand: Stand, name: str, image: Image) -> None:
    manifest, layer = (
        f"/v2/alias/{name}/manifests/v1",
        f"/v2/alias/{name}/blobs/{image.layer_digest}",
    )
    challenged = ask(stand, manifest)
    assert challenged.status == 401
    assert challenged.headers["www-authenticate"] == (
        'Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"'
    )
    pass_ = bearer(stand)
    assert ask(stand, manifest, pass_).headers["docker-content-digest"] == image.digest
    link = ask(stand, layer, pass_)
    assert link.status == 307
    assert http("GET", link.headers["location"]).data == image.layer
    assert ask(stand, layer, pass_, method="HEAD").status == 200


def test_a_login_is_taken_by_the_token_endpoint_and_as_a_bearer_token(stand: Stand, name: str, image: Image) -> None:
    given = login(stand)["authorizationToken"]
    for authorization in (bearer(stand, f"Basic {given}"), f"Bearer {given}"):
        assert ask(stand, f"/v2/alias/{name}/manifests/v1", authorization).status == 200
        assert ask(stand, "/v2/", authorization).status == 200


def test_basic_is_no_way_past_the_token_endpoint(stand: Stand, name: str, image: Image) -> None:
    answer = ask(stand, f"/v2/alias/{name}/manifests/v1", "Basic " + login(stand)["authorizationToken"])
    assert told(answer) == (400, "Your Authorization Token is invalid.")
    assert "www-authenticate" not in answer.headers


def test_a_private_registrys_login_opens_nothing_here_and_the_other_way_round(stand: Stand, name: str) -> None:
    private = base64.b64encode(f"AWS:{token(stand, ADMIN, HOME)}".encode()).decode()
    assert told(ask(stand, "/token/", f"Basic {private}")) == (400, "Your Authorization Token is invalid.")
    headers = {"authorization": "Basic " + login(stand)["authorizationToken"]}
    host = f"000000000000.dkr.ecr.{HOME}.amazonaws.com"
    assert http("GET", f"{stand.registry}/v2/?ns={host}", headers=headers).status == 401


def test_a_login_that_has_ended_says_so_although_nobody_needs_one(stand: Stand, name: str) -> None:
    stand.admin("POST", "config", {"token_ttl_seconds": 1})
    try:
        given = login(stand)["authorizationToken"]
    finally:
        stand.admin("POST", "config", {"token_ttl_seconds": 43200})
    wait_until("the login has ended", lambda: ask(stand, "/token/", f"Basic {given}").status != 200, 5)
    text = "Your authorization token has expired. Reauthenticate and try again."
    assert told(ask(stand, "/token/", f"Basic {given}")) == (403, text)
    assert told(ask(stand, "/v2/", f"Bearer {given}")) == (400, text)


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic x", "Basic QVdTOng=", "Digest x"])
def test_no_other_text_is_a_login(stand: Stand, authorization: str) -> None:
    for path in ("/token/", "/v2/"):
        assert told(ask(stand, path, authorization)) == (400, "Your Authorization Token is invalid.")


def test_a_principal_that_is_gone_has_no_login_any_more(stand: Stand, name: str) -> None:
    key = stand.user(name, allow(LOGIN, BEARER))
    given = f"Basic {login(stand, key)['authorizationToken']}"
    assert bearer(stand, given)
    iam = stand.client("iam")
    iam.delete_access_key(UserName=name, AccessKeyId=key[0])
    iam.delete_user_policy(UserName=name, PolicyName="inline")
    iam.delete_user(UserName=name)
    assert ask(stand, "/token/", given).status == 400


def test_what_is_not_there_is_not_found(stand: Stand, name: str) -> None:
    pass_ = bearer(stand)
    assert ask(stand, f"/v2/alias/{name}/manifests/v1", pass_).status == 404
    assert ask(stand, "/v2/alias", pass_).status == 404
    assert ask(stand, f"/v2/alias/{name}/manifests/v1", pass_, method="PUT").status == 405


def test_a_token_is_not_given_to_a_post(stand: Stand) -> None:
    """containerd posts first; without an answer that sends it to GET, it would find no token."""
    assert ask(stand, "/token/", method="POST").status == 405
