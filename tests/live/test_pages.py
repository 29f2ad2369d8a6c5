"""What the pages say is typed, block by block, by somebody who begins with the README; each stack that comes of it works.

The stack is called `dev` and serves `team-a`, as on the pages. tests/docs/test_walked.py sees that no block is left out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from lightkube import Client

from local.driver import aws, workloads
from local.state import PlatformState
from tests.docs.pages import blocks, text_of
from tests.live.reader import NAMESPACE, STACK, Reader, repository, shell
from tests.live.surroundings import OWNER, account_of, boundary, owner, role

ACCOUNT = "123456789012"
README, IDENTITIES = "README.md", "docs/identities.md"
# Those that say what the stack is already.
SAYS_WHAT_IS = ((README, 2), ("docs/configuration.md", 1))


@pytest.fixture(scope="module")
def image(platform: PlatformState, kube: Client) -> str:
    workloads.ensure_namespace(kube, NAMESPACE)
    return aws.seed_image(platform, "team-a/app", "1.0", "hello from team-a")


@pytest.fixture(scope="module")
def reader(platform: PlatformState, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """They have followed the README up to the first `pulumi up`."""
    folder = tmp_path_factory.mktemp("reader")
    checkout = folder / "everpull"
    made = Reader(platform, folder, shell(platform, folder / "home", checkout))
    made.types(
        README,
        8,
        instead={
            "<this repository>": str(repository(folder / "upstream")),
            # The image that is the default lies on the internet.
            "pulumi up": f"pulumi config set everpull:image {platform.refresher_image}; pulumi up",
        },
    )
    made.folder = checkout
    made.deployed = made.config
    yield made
    made.run("pulumi destroy --skip-preview")


@pytest.fixture(scope="module")
def first(reader: Reader) -> Mapping[str, Any]:
    """The configuration that the README has led to."""
    return dict(reader.config)


@pytest.fixture
def cronjob(reader: Reader, first: Mapping[str, Any]) -> Reader:
    reader.stands(first)
    return reader


def without_cronjob(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The same stack in mode `lambda`."""
    return {key: value for key, value in keys.items() if key not in ("everpull:mode", "everpull:image")}


# Blocks that set keys and no more, in the mode that they are for: each is previewed. With keys that the page has said before.
PREVIEWED: tuple[tuple[str, int, str, Mapping[str, Any]], ...] = (
    (README, 2, "cronjob", {}),
    (README, 6, "cronjob", {}),
    ("docs/access-key.md", 2, "cronjob", {}),
    ("docs/attach.md", 1, "lambda", {}),
    ("docs/configuration.md", 1, "cronjob", {}),
    (IDENTITIES, 5, "cronjob", {}),
    ("docs/namespaces.md", 1, "lambda", {}),
    ("docs/namespaces.md", 2, "lambda", {}),
    ("docs/registries.md", 1, "cronjob", {}),
    ("docs/registries.md", 2, "cronjob", {}),
    ("docs/registries.md", 3, "lambda", {}),
    ("docs/registries.md", 4, "cronjob", {}),
    ("docs/registries.md", 5, "lambda", {"repositories": ["team-a/app"]}),
)


@pytest.fixture(scope="module")
def everything_named(platform: PlatformState) -> Iterator[None]:
    with (
        boundary(platform, "boundary", ["*"]),
        owner(platform, "team-a/app", "everpull-writer"),
        role(platform, "ecr-pull", account_of(platform), account=OWNER),
    ):
        yield


@pytest.mark.parametrize(
    ("page", "number", "mode", "said_before"), PREVIEWED, ids=[f"{page} {number}" for page, number, *_ in PREVIEWED]
)
def test_keys_that_are_set_have_a_preview(
    reader: Reader,
    first: Mapping[str, Any],
    everything_named: None,
    page: str,
    number: int,
    mode: str,
    said_before: Mapping[str, Any],
) -> None:
    keys = first if mode == "cronjob" else without_cronjob(first)
    reader.configure({**keys, **{f"everpull:{key}": value for key, value in said_before.items()}})
    before = reader.config
    account = {ACCOUNT: reader.state.account} if ACCOUNT in blocks(text_of(page))[number - 1] else {}
    reader.types(page, number, instead=account)
    assert reader.config != before or (page, number) in SAYS_WHAT_IS
    reader.run("pulumi preview")


def test_the_readmes_stack_has_pods_pull(cronjob: Reader, kube: Client, image: str) -> None:
    cronjob.pulls(kube, image, cronjob.pull_secret)
    cronjob.types(README, 9)
    try:
        cronjob.pulls(kube, image, None)
    finally:
        patch = json.dumps({"imagePullSecrets": None})
        cronjob.run(f"kubectl --namespace {NAMESPACE} patch serviceaccount default --patch '{patch}'")


def test_the_cron_job_is_run_by_hand(cronjob: Reader) -> None:
    said = cronjob.types(README, 3)
    cronjob.run(f"kubectl --namespace {cronjob.system_namespace} delete job by-hand")
    assert json.loads(said.strip().splitlines()[-1])["status"] in ("fresh", "refreshed")


def test_it_is_looked_at_renewed_and_watched(cronjob: Reader) -> None:
    assert "every link holds" in cronjob.types(README, 10, registries=True)
    assert NAMESPACE in cronjob.types("docs/troubleshooting.md", 1, registries=True)
    endless = ".venv/bin/python -m doctor --stack dev --watch 30"
    ended = {endless: f"timeout --signal=INT --preserve-status 20 {endless.replace('30', '1')}"}
    said = cronjob.types("docs/troubleshooting.md", 2, instead=ended, registries=True)
    assert said.count("every link holds") > 1


def test_it_is_upgraded(cronjob: Reader) -> None:
    assert '"v1"' in cronjob.types("docs/upgrading.md", 1)
    cronjob.types("docs/upgrading.md", 2, instead={"make doctor": "true"})
    assert "unchanged" in cronjob.types("docs/upgrading.md", 3)


def test_a_pull_request_is_told_of_it_and_its_rules_are_looked_at(cronjob: Reader) -> None:
    assert f"### Preview of `{STACK}`: success" in cronjob.types("docs/github.md", 1)
    assert "no violation" in cronjob.types("docs/policies.md", 1)


def test_the_access_key_is_exchanged(cronjob: Reader, kube: Client, image: str) -> None:
    (key,) = keys_of(cronjob)
    cronjob.types("docs/access-key.md", 1)
    assert keys_of(cronjob) != [key]
    cronjob.pulls(kube, image, cronjob.pull_secret)
    # The same words; the number is the same too, so nothing happens.
    assert "unchanged" in cronjob.types("docs/security.md", 1)


def keys_of(reader: Reader) -> list[str]:
    user = reader.output("identityArn").rpartition("/")[2]
    listed = aws.client(reader.state, "iam").list_access_keys(UserName=user)
    return [key["AccessKeyId"] for key in listed["AccessKeyMetadata"]]
