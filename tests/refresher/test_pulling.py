"""What is asked of a registry to know whether an image pulls, and what is made of each answer."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.errors import RegistryUnreachableError
from refresher.images import Verdict, parse_image
from refresher.pulling import Answer, try_pull

from tests.refresher.fakes import CANARY, FRANKFURT
from tests.refresher.test_document_properties import values

APP = f"https://{FRANKFURT}/v2/team/app"
LOGIN = ("AWS", CANARY)
BASIC = "Basic " + base64.b64encode(f"AWS:{CANARY}".encode()).decode()
USER = "arn:aws:iam::123456789012:user/x"
REPOSITORY = "arn:aws:ecr:eu-central-1:123456789012:repository/team/app"


def digest(mark: str) -> str:
    return "sha256:" + mark * 64


def manifest(*layers: str, **more: Any) -> dict[str, Any]:
    parts = [{"digest": digest(layer)} for layer in layers]
    return {"schemaVersion": 2, "config": {"digest": digest("c")}, "layers": parts, **more}


def platform(mark: str, system: str | None = "linux", processor: str = "amd64") -> dict[str, Any]:
    of = {} if system is None else {"platform": {"os": system, "architecture": processor}}
    return {"digest": digest(mark), **of}


def index(*platforms: dict[str, Any]) -> dict[str, Any]:
    return {"schemaVersion": 2, "manifests": list(platforms)}


def denied(message: str, status: int = 403, code: str = "DENIED") -> Answer:
    return Answer(status, {}, json.dumps({"errors": [{"code": code, "message": message}]}).encode())


REDIRECT = Answer(307, {"location": f"https://layers.example/?X-Amz-Signature={CANARY}"})


@dataclass
class FakeRegistry:
    """Answers by what follows the repository in the address, JSON objects as they are. Remembers what it was asked."""

    answers: Mapping[str, Answer | dict[str, Any] | Exception]
    asked: list[str] = field(default_factory=list[str])
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    unread: list[str] = field(default_factory=list[str])

    def get(self, url: str, headers: Mapping[str, str], *, body_of_success: bool = True) -> Answer:
        what = url.removeprefix(APP + "/")
        self.asked.append(what)
        self.headers.append(headers)
        if not body_of_success:
            self.unread.append(what)
        found = self.answers[what]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Answer) else Answer(200, {}, json.dumps(found).encode())


def tried(registry: FakeRegistry, rest: str = ":1", login: tuple[str, str] | None = LOGIN) -> Verdict:
    verdict = try_pull(registry, parse_image(f"{FRANKFURT}/team/app{rest}"), login)
    assert CANARY not in repr(verdict)
    return verdict


def detail(answers: Mapping[str, Any], rest: str = ":1") -> tuple[str, str | None]:
    verdict = tried(FakeRegistry(answers), rest)
    return verdict.status, verdict.detail


def test_an_image_pulls_if_its_manifest_and_one_layer_are_to_be_had() -> None:
    registry = FakeRegistry({"manifests/1": manifest("1", "2"), f"blobs/{digest('1')}": REDIRECT})
    assert tried(registry) == Verdict(parse_image(f"{FRANKFURT}/team/app:1"), "pulls")
    assert registry.asked == ["manifests/1", f"blobs/{digest('1')}"]
    assert registry.unread == [f"blobs/{digest('1')}"]
    assert {headers["Authorization"] for headers in registry.headers} == {BASIC}
    accepted = registry.headers[0]["Accept"].split(", ")
    assert accepted == [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]


@pytest.mark.parametrize("status", [200, 301, 302, 303, 307, 308])
def test_a_layer_may_be_elsewhere_or_here(status: int) -> None:
    assert detail({"manifests/1": manifest("1"), f"blobs/{digest('1')}": Answer(status)}) == ("pulls", None)


def test_a_digest_is_asked_for_as_one() -> None:
    registry = FakeRegistry({f"manifests/{digest('a')}": manifest("1"), f"blobs/{digest('1')}": REDIRECT})
    assert tried(registry, f":1@{digest('a')}").status == "pulls"


@pytest.mark.parametrize(
    ("platforms", "asked"),
    [
        ([platform("a")], "a"),
        ([platform("b", processor="arm64"), platform("a")], "a"),
        ([platform("b", "windows"), platform("a")], "a"),
        ([platform("b", processor="arm64"), platform("a", "windows")], "b"),
        ([platform("e", "unknown", "unknown"), platform("b", processor="arm64")], "b"),
        ([platform("e", None), platform("b", processor="arm64")], "b"),
        ([platform("e", None)], "e"),
    ],
    ids=["the only one", "amd64", "linux", "the first", "no attestation", "a platform", "without a platform"],
)
def test_of_several_platforms_that_of_most_nodes_is_pulled(platforms: list[dict[str, Any]], asked: str) -> None:
    registry = FakeRegistry(
        {
            "manifests/1": index(*platforms),
            f"manifests/{digest(asked)}": manifest("1"),
            f"blobs/{digest('1')}": REDIRECT,
        }
    )
    assert tried(registry).status == "pulls"


def test_a_platform_without_anything_to_pull_is_passed_over() -> None:
    registry = FakeRegistry(
        {
            "manifests/1": index(platform("a"), platform("b", processor="arm64")),
            f"manifests/{digest('a')}": {"layers": []},
            f"manifests/{digest('b')}": manifest("1"),
            f"blobs/{digest('1')}": REDIRECT,
        }
    )
    assert tried(registry).status == "pulls"


def test_an_index_is_not_searched_for_ever() -> None:
    many = [platform(mark) for mark in "0123456789"]
    registry = FakeRegistry(
        {"manifests/1": index(*many), **{f"manifests/{digest(mark)}": {"layers": []} for mark in "0123456789"}}
    )
    assert tried(registry).detail == "unknown image: what is there under its name has no layers"
    assert len(registry.asked) == 5


def test_layers_that_the_registry_does_not_hold_are_not_asked_for() -> None:
    theirs = {"digest": digest("f"), "urls": ["https://elsewhere.example"]}
    whole = manifest("1")
    registry = FakeRegistry(
        {"manifests/1": {**whole, "layers": [theirs, *whole["layers"]]}, f"blobs/{digest('1')}": REDIRECT}
    )
    assert tried(registry).status == "pulls"


def test_an_image_without_layers_is_pulled_by_its_configuration() -> None:
    assert detail({"manifests/1": manifest(), f"blobs/{digest('c')}": REDIRECT}) == ("pulls", None)


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        (["1"], "1"),
        (["2", "1"], "2"),
        (["sha256-0.sig", "1"], "1"),
        (["sha256-0.sig"], "sha256-0.sig"),
        ([7, "a b", "1"], "1"),
    ],
)
def test_without_a_tag_any_tag_is_taken_but_rather_not_a_signature(tags: list[Any], taken: str) -> None:
    registry = FakeRegistry(
        {
            "tags/list?n=100": {"name": "team/app", "tags": tags},
            f"manifests/{taken}": manifest("1"),
            f"blobs/{digest('1')}": REDIRECT,
        }
    )
    assert tried(registry, "").status == "pulls"


@pytest.mark.parametrize("tags", [{"tags": []}, {"tags": None}, {"name": "team/app"}])
def test_a_repository_without_a_tag_is_empty_and_no_failure(tags: dict[str, Any]) -> None:
    assert detail({"tags/list?n=100": tags}, "") == ("empty", "the repository has no image with a tag")


def said(action: str, resource: str = REPOSITORY, why: str = "") -> Answer:
    because = f" because no {why} allows the {action} action" if why else ""
    return denied(f"User: {USER} is not authorized to perform: {action} on resource: {resource}{because}")


@pytest.mark.parametrize(
    ("answers", "rest", "told"),
    [
        (
            {"manifests/1": said("ecr:BatchGetImage", why="identity-based policy")},
            ":1",
            f"ecr:BatchGetImage was denied to {USER} on {REPOSITORY}: allow ecr:BatchGetImage in that principal's policy",
        ),
        (
            {"manifests/1": said("ecr:BatchGetImage", why="resource-based policy")},
            ":1",
            f"ecr:BatchGetImage was denied to {USER} on {REPOSITORY}: allow that principal ecr:BatchGetImage in the policy of"
            f" {REPOSITORY}",
        ),
        (
            {"manifests/1": manifest("1"), f"blobs/{digest('1')}": said("ecr:GetDownloadUrlForLayer")},
            ":1",
            f"ecr:GetDownloadUrlForLayer was denied to {USER} on {REPOSITORY}: allow ecr:GetDownloadUrlForLayer in that"
            " principal's policy",
        ),
        (
            {"manifests/1": said("ecr:BatchGetImage", REPOSITORY.replace("123456789012", "210987654321"))},
            ":1",
            f"ecr:BatchGetImage was denied to {USER} on arn:aws:ecr:eu-central-1:210987654321:repository/team/app: allow"
            " ecr:BatchGetImage in that principal's policy and, to that principal, in the policy of"
            " arn:aws:ecr:eu-central-1:210987654321:repository/team/app",
        ),
        (
            {"tags/list?n=100": said("ecr:ListImages")},
            "",
            f"ecr:ListImages was denied to {USER} on {REPOSITORY}: allow ecr:ListImages in that principal's policy",
        ),
        (
            {"manifests/1": denied(CANARY)},
            ":1",
            "ecr:BatchGetImage was denied on team/app: allow it in the policy of whoever fetched the login, and in the"
            " repository's if that is another account's",
        ),
        (
            {"manifests/1": manifest("1"), f"blobs/{digest('1')}": Answer(403, {}, b"<html>")},
            ":1",
            "ecr:GetDownloadUrlForLayer was denied on team/app: allow it in the policy of whoever fetched the login, and in"
            " the repository's if that is another account's",
        ),
    ],
    ids=["own policy", "repository's policy", "layer", "either policy", "tags", "no reason", "no answer of ECR's"],
)
def test_a_denial_names_what_to_change_in_which_policy(answers: Mapping[str, Any], rest: str, told: str) -> None:
    verdict = tried(FakeRegistry(answers), rest)
    assert (verdict.status, verdict.detail, verdict.may_heal) == ("refused", told, True)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            {"manifests/1": denied("The repository with name 'x' does not exist", 404, "NAME_UNKNOWN")},
            "unknown image: there is no such repository",
        ),
        (
            {"manifests/1": denied("Requested image not found", 404, "MANIFEST_UNKNOWN")},
            "unknown image: the repository has no such tag or digest",
        ),
        ({"manifests/1": Answer(404)}, "unknown image: the repository has no such tag or digest"),
        (
            {"manifests/1": manifest("1"), f"blobs/{digest('1')}": Answer(404)},
            "unknown image: a layer of it is missing",
        ),
        ({"manifests/1": {"layers": []}}, "unknown image: what is there under its name has no layers"),
        ({"manifests/1": Answer(401)}, f"{FRANKFURT} does not accept the login; whoever fetched it may be gone"),
        (
            {"manifests/1": denied("Your authorization token has expired. Reauthenticate and try again.")},
            f"{FRANKFURT} does not accept the login; whoever fetched it may be gone",
        ),
    ],
    ids=["repository", "tag", "no reason", "layer", "nothing in it", "login", "old login"],
)
def test_what_no_right_would_mend_is_refused_and_not_waited_for(answers: Mapping[str, Any], told: str) -> None:
    verdict = tried(FakeRegistry(answers))
    assert (verdict.status, verdict.detail, verdict.may_heal) == ("refused", told, False)


def test_without_a_login_nothing_is_asked() -> None:
    registry = FakeRegistry({})
    verdict = tried(registry, login=None)
    assert (verdict.status, verdict.detail) == ("refused", f"there is no login for {FRANKFURT}")
    assert registry.asked == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (RegistryUnreachableError("it could not be reached (SSLError)"), "it could not be reached (SSLError)"),
        (Answer(400), "it answered 400"),
        (Answer(418), "it answered 418"),
        (REDIRECT, "it answered 307"),
        (Answer(200, {}, b"<html>"), "it gave an answer that cannot be read"),
        (Answer(200, {}, b"[]"), "it gave an answer that cannot be read"),
        (Answer(200, {}, b"[" * 100000), "it gave an answer that cannot be read"),
    ],
)
def test_an_answer_that_says_nothing_of_the_image_is_no_refusal(answer: Any, told: str) -> None:
    assert detail({"manifests/1": answer}) == ("unreachable", f"{FRANKFURT}: {told}")


class Anything(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        return self["*"]


@given(body=values, status=st.sampled_from([200, 307, 400, 401, 403, 404, 500]))
def test_any_answer_is_a_verdict(body: Any, status: int) -> None:
    answers = Anything({"*": Answer(status, {}, json.dumps(body).encode())})
    assert tried(FakeRegistry(answers)).status in ("refused", "unreachable")


PUBLIC = "https://public.ecr.aws"
CHALLENGE = 'Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"'
ASKED = f"{PUBLIC}/token/?service=public.ecr.aws&scope=aws"
APP_THERE = f"{PUBLIC}/v2/alias/app"


def public(**changes: Any) -> FakeRegistry:
    answers: dict[str, Any] = {
        f"{PUBLIC}/v2/": Answer(401, {"www-authenticate": CHALLENGE}),
        ASKED: {"token": "bearer-token"},
        f"{APP_THERE}/manifests/1": manifest("1"),
        f"{APP_THERE}/blobs/{digest('1')}": REDIRECT,
    }
    keys = {"challenge": f"{PUBLIC}/v2/", "token": ASKED, "manifest": f"{APP_THERE}/manifests/1"}
    return FakeRegistry({**answers, **{keys[name]: answer for name, answer in changes.items()}})


def tried_there(registry: FakeRegistry) -> Verdict:
    return try_pull(registry, parse_image("public.ecr.aws/alias/app:1"), LOGIN)


def test_ecr_public_gives_a_token_for_the_login_and_takes_nothing_else() -> None:
    registry = public()
    assert tried_there(registry).status == "pulls"
    assert [headers.get("Authorization") for headers in registry.headers] == [
        None,
        BASIC,
        "Bearer bearer-token",
        "Bearer bearer-token",
    ]


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Basic realm=x",
        CHALLENGE.replace("https://public.ecr.aws", "https://evil.example"),
        CHALLENGE.replace("https://public.ecr.aws", "https://public.ecr.aws@evil.example"),
        CHALLENGE.replace("https://public.ecr.aws", "https://public.ecr.aws.evil.example"),
        CHALLENGE.replace("https://public.ecr.aws", "http://public.ecr.aws"),
        CHALLENGE.replace("https://public.ecr.aws", "https://public.ecr.aws:8443"),
    ],
)
def test_the_login_is_shown_to_nobody_else(challenge: str) -> None:
    registry = public(challenge=Answer(401, {"www-authenticate": challenge}))
    verdict = tried_there(registry)
    assert (verdict.status, verdict.detail) == (
        "unreachable",
        "public.ecr.aws: it does not say where it gives tokens",
    )
    assert registry.asked == [f"{PUBLIC}/v2/"]


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        (
            {"token": denied("Your Authorization Token is invalid.", 400)},
            "refused",
            "public.ecr.aws does not accept the login; whoever fetched it may be gone",
        ),
        (
            {"token": denied("Your authorization token has expired. Reauthenticate and try again.")},
            "refused",
            "public.ecr.aws does not accept the login; whoever fetched it may be gone",
        ),
        ({"token": Answer(500)}, "unreachable", "public.ecr.aws: it answered 500"),
        ({"token": {"token": None}}, "unreachable", "public.ecr.aws: it gave no token"),
        ({"token": {"token": "a\r\nb"}}, "unreachable", "public.ecr.aws: it gave no token"),
        ({"token": {"token": ""}}, "unreachable", "public.ecr.aws: it gave no token"),
        ({"challenge": Answer(200)}, "unreachable", "public.ecr.aws: it does not say where it gives tokens"),
        (
            {"manifest": denied("Requested image not found", 404)},
            "refused",
            "unknown image: the repository has no such tag or digest",
        ),
    ],
    ids=["bad", "old", "down", "none", "not fit to be sent", "empty", "no challenge", "no image"],
)
def test_what_ecr_public_says_is_told(changes: dict[str, Any], status: str, told: str) -> None:
    verdict = tried_there(public(**changes))
    assert (verdict.status, verdict.detail) == (status, told)
