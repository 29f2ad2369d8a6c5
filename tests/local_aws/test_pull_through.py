"""Pull-through caches: whose pull makes the repository and brings the image, and what the others are told."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_aws.images import PULL, Image, ask, error, seed, token
from tests.local_aws.platform import ACCOUNT, REGION, Stand, allow, refused

TOKEN = "ecr:GetAuthorizationToken"
IMPORT, CREATE = "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"


@pytest.fixture
def rule(stand: Stand, name: str) -> Iterator[str]:
    """A rule whose prefix is the test's name."""
    ecr = stand.client("ecr")
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=name, upstreamRegistryUrl="quay.io")
    yield name
    ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=name)


@pytest.fixture
def upstream(backend: str, rule: str) -> Image:
    """An image that the upstream has."""
    return seed(backend, f"{rule}/team/app", b"layer")


def login(stand: Stand, name: str, *actions: str, resource: str = "*") -> str:
    document = allow(TOKEN, *PULL)
    document["Statement"] += allow(*actions, resource=resource)["Statement"] if actions else []
    return token(stand, stand.user(name, document))


def repositories(stand: Stand, name: str) -> list[str]:
    found = stand.client("ecr").describe_repositories(maxResults=1000)["repositories"]
    return [one["repositoryName"] for one in found if one["repositoryName"].startswith(f"{name}/")]


def test_a_pull_with_both_rights_makes_the_repository_and_gives_the_image(
    stand: Stand, name: str, upstream: Image
) -> None:
    password = login(stand, name, IMPORT, CREATE)
    assert ask(stand, password, f"/v2/{name}/team/app/manifests/v1", method="HEAD").status == 200
    assert ask(stand, password, f"/v2/{name}/team/app/manifests/{upstream.digest}").status == 200
    assert ask(stand, password, f"/v2/{name}/team/app/blobs/{upstream.layer_digest}").status == 307
    assert repositories(stand, name) == [f"{name}/team/app"]


def test_without_the_right_to_make_it_there_is_no_repository(stand: Stand, name: str, upstream: Image) -> None:
    answered = ask(stand, login(stand, name, IMPORT), f"/v2/{name}/team/app/manifests/v1")
    assert error(answered)[:2] == (404, "NAME_UNKNOWN")
    assert repositories(stand, name) == []


def test_without_the_right_to_import_there_is_no_image(stand: Stand, name: str, upstream: Image) -> None:
    password = login(stand, name, CREATE)
    assert ask(stand, password, f"/v2/{name}/team/app/manifests/v1").status == 404
    stand.client("ecr").create_repository(repositoryName=f"{name}/team/app")
    answered = ask(stand, password, f"/v2/{name}/team/app/manifests/v1")
    assert error(answered) == (404, "MANIFEST_UNKNOWN", "Requested image not found")


def test_an_image_that_was_brought_is_there_for_those_who_may_only_pull(
    stand: Stand, name: str, upstream: Image
) -> None:
    plain = login(stand, f"{name}-plain")
    assert ask(stand, plain, f"/v2/{name}/team/app/manifests/v1").status == 404
    may = login(stand, name, IMPORT, CREATE)
    assert ask(stand, may, f"/v2/{name}/team/app/manifests/v1").status == 200
    assert ask(stand, plain, f"/v2/{name}/team/app/manifests/v1").status == 200
    assert ask(stand, plain, f"/v2/{name}/team/app/manifests/{upstream.digest}").status == 200


def test_a_deleted_repository_is_only_filled_again_by_who_may_import(stand: Stand, name: str, upstream: Image) -> None:
    path = f"/v2/{name}/team/app/manifests/v1"
    may = login(stand, name, IMPORT, CREATE)
    assert ask(stand, may, path).status == 200
    stand.client("ecr").delete_repository(repositoryName=f"{name}/team/app", force=True)
    assert ask(stand, login(stand, f"{name}-makes", CREATE), path).status == 404
    assert repositories(stand, name) == []
    assert ask(stand, may, path).status == 200


def test_rights_on_one_prefix_bring_nothing_under_another(stand: Stand, name: str, upstream: Image) -> None:
    elsewhere = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/other/*"
    here = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}/*"
    path = f"/v2/{name}/team/app/manifests/v1"
    assert ask(stand, login(stand, f"{name}-other", IMPORT, CREATE, resource=elsewhere), path).status == 404
    assert ask(stand, login(stand, name, IMPORT, CREATE, resource=here), path).status == 200


def test_the_right_to_pull_itself_is_asked_first(stand: Stand, name: str, upstream: Image) -> None:
    password = token(stand, stand.user(name, allow(TOKEN, IMPORT, CREATE)))
    assert error(ask(stand, password, f"/v2/{name}/team/app/manifests/v1"))[:2] == (403, "DENIED")
    assert repositories(stand, name) == []


def test_what_the_upstream_lacks_makes_no_repository(stand: Stand, name: str, upstream: Image) -> None:
    password = login(stand, name, IMPORT, CREATE)
    assert ask(stand, password, f"/v2/{name}/team/app/manifests/v2").status == 404
    assert repositories(stand, name) == []


def test_a_repository_outside_of_every_rule_is_made_by_no_pull(stand: Stand, backend: str, name: str) -> None:
    seed(backend, f"{name}/app", b"layer")
    answered = ask(stand, login(stand, name, IMPORT, CREATE), f"/v2/{name}/app/manifests/v1")
    assert error(answered)[:2] == (404, "NAME_UNKNOWN")


def test_rules_are_made_found_and_deleted(stand: Stand, name: str) -> None:
    ecr = stand.client("ecr")
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=name, upstreamRegistryUrl="quay.io")
    with refused("PullThroughCacheRuleAlreadyExistsException"):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=name, upstreamRegistryUrl="quay.io")
    (found,) = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=[name])["pullThroughCacheRules"]
    assert (found["upstreamRegistryUrl"], found["registryId"]) == ("quay.io", ACCOUNT)
    ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=name)
    for call, prefix in (
        (ecr.delete_pull_through_cache_rule, {"ecrRepositoryPrefix": name}),
        (ecr.describe_pull_through_cache_rules, {"ecrRepositoryPrefixes": [name]}),
    ):
        with refused("PullThroughCacheRuleNotFoundException"):
            call(**prefix)


def test_rules_and_what_they_brought_survive_a_kill(tmp_path: Path, backend: str, name: str) -> None:
    stand = Stand(tmp_path / "stand", backend)
    stand.start()
    try:
        stand.client("ecr").create_pull_through_cache_rule(ecrRepositoryPrefix=name, upstreamRegistryUrl="quay.io")
        seed(backend, f"{name}/app", b"layer")
        plain = login(stand, f"{name}-plain")
        path = f"/v2/{name}/app/manifests/v1"
        assert ask(stand, login(stand, name, IMPORT, CREATE), path).status == 200
        stand.stop(signal.SIGKILL)
        stand.start()
        rules: list[dict[str, Any]] = stand.client("ecr").describe_pull_through_cache_rules()["pullThroughCacheRules"]
        assert [rule["ecrRepositoryPrefix"] for rule in rules] == [name]
        assert ask(stand, plain, path).status == 200, json.dumps(rules)
    finally:
        stand.stop()
