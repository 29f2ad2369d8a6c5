"""What stacks reach besides their own repositories: another account that lends a role to pull, and an upstream registry."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.driver import aws
from local.registry import busybox
from local.state import PlatformState

ACCOUNT = "222222222222"
FAR = "us-east-1"
_IAM = Path(__file__).parents[2] / "docs" / "iam"
_FETCH, _PULL = "FetchLogin", "PullWithIt"


@dataclass(frozen=True)
class Lender:
    """`role` is the lent role's ARN, `image` an image of that account's."""

    state: PlatformState
    name: str
    role: str
    image: str

    @property
    def host(self) -> str:
        return self.image.partition("/")[0]

    @property
    def iam(self) -> Any:
        return aws.client(self.state, "iam", account=ACCOUNT)

    def may(self, *, log_in: bool = True, layers: bool = True) -> None:
        """What the role may: all that docs/iam says, or less."""
        text = (_IAM / "pull-role.json").read_text(encoding="utf-8")
        places = {"REGION": self.state.region, "OWNER": ACCOUNT, "REPOSITORY": f"{self.name}/*"}
        for placeholder, value in places.items():
            text = text.replace(placeholder, value)
        document = json.loads(text)
        statements = {statement["Sid"]: statement for statement in document["Statement"]}
        if not log_in:
            del statements[_FETCH]
        if not layers:
            statements[_PULL]["Action"].remove("ecr:GetDownloadUrlForLayer")
        document["Statement"] = list(statements.values())
        self.iam.put_role_policy(RoleName=self.name, PolicyName="pull", PolicyDocument=json.dumps(document))


def one_of_each(lent: Lender) -> dict[str, str]:
    """An image of each kind of registry: our own, one of another region, the lender's, and ECR Public."""
    state, name = lent.state, lent.name
    return {
        "own": aws.seed_image(state, f"{name}/app", "1", f"hello from {name}"),
        "far": aws.seed_image(state, f"{name}/app", "1", "hello from afar", region=FAR),
        "lent": lent.image,
        "public": aws.seed_public_image(state, f"alias/{name}", "1", "hello to everybody"),
    }


def opening(lent: Lender, images: dict[str, str]) -> dict[str, object]:
    """The `everpull:` keys of a stack whose pods may pull all of them."""
    return {
        "registries": [images[kind].partition("/")[0] for kind in ("own", "far", "lent")],
        "assumeRoles": [lent.role],
        "ecrPublic": True,
        "verifyImages": list(images.values()),
    }


@contextmanager
def lender(state: PlatformState, stack: str) -> Iterator[Lender]:
    """The role as docs/iam has it, for the stack of that name."""
    trust = (_IAM / "pull-role-trust.json").read_text(encoding="utf-8")
    trust = trust.replace("ACCOUNT", state.account).replace("STACK", stack)
    iam = aws.client(state, "iam", account=ACCOUNT)
    arn = iam.create_role(RoleName=stack, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    image = aws.seed_image(state, f"{stack}/app", "1", "hello from another account", account=ACCOUNT)
    lent = Lender(state, stack, arn, image)
    lent.may()
    try:
        yield lent
    finally:
        aws.client(state, "ecr", account=ACCOUNT).delete_repository(repositoryName=f"{stack}/app", force=True)
        iam.delete_role_policy(RoleName=stack, PolicyName="pull")
        iam.delete_role(RoleName=stack)


@contextmanager
def upstream(state: PlatformState, cache: str) -> Iterator[str]:
    """An image of another registry that comes through the cache of that prefix, and nobody has pulled yet."""
    ecr = aws.client(state, "ecr")
    repository = f"{cache}/team/app"
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=cache, upstreamRegistryUrl="quay.io")
    try:
        busybox.push_hello(state.backend_registry, f"{state.account}/{state.region}/{repository}", "1", "hi")
        yield f"{state.registry_host}/{repository}:1"
    finally:
        with suppress(ecr.exceptions.RepositoryNotFoundException):
            ecr.delete_repository(repositoryName=repository, force=True)
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=cache)
