"""Mode `lambda` in two stacks: each has its half, and no half changes what it is called where a stack gets the other one."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.lambda_delivery import LambdaDelivery
from components.login_reader import LoginReader, LoginReaderArgs
from components.login_source import LoginSource, LoginSourceArgs
from tests.components.recording import ACCOUNT, Recorder, record
from tests.components.roles import IRSA
from tests.components.test_lambda_delivery import HOST, REPOSITORIES, deliver, external_secrets

NAME = "everpull-dev"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:everpull-aws-login"
LOGIN = {
    "secret_arn": SECRET,
    "secret_region": "eu-west-1",
    "refresher_arn": f"arn:aws:iam::{ACCOUNT}:role/everpull-aws-refresh",
    "revision": "0123456789",
}
DELIVERY, SOURCE, READER = (f"everpull:index:{kind}" for kind in ("LambdaDelivery", "LoginSource", "LoginReader"))


def source(**more: Any) -> LoginSource:
    args: dict[str, Any] = {
        "owner": NAME,
        "registries": [HOST],
        "repository_arns": REPOSITORIES,
        "schedule": "rate(1 hour)",
        "log_retention_days": 30,
        "reserved_concurrency": -1,
    }
    return LoginSource(NAME, LoginSourceArgs(**{**args, **more}))


def reader(**more: Any) -> LoginReader:
    args: dict[str, Any] = {
        "login": LOGIN,
        "owner": NAME,
        "labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"},
        "region": "eu-central-1",
        "namespaces": ["team-a", "team-b"],
        "namespace_selector": None,
        "excluded_namespaces": [],
        "labelled_sync": "ecr-pull.labelled",
        "has_policy": True,
        "pull_secret_name": "ecr-pull",
        "system_namespace": NAME,
        "sync_interval": 900,
        "fan_out_interval": 300,
    }
    return LoginReader(NAME, LoginReaderArgs(**{**args, **more}))


def built(make: Callable[..., LambdaDelivery | LoginSource | LoginReader], **more: Any) -> tuple[Recorder, str]:
    """Everything that a delivery registers, and its revision if it has one."""
    recorder, revisions = record(), [""]

    @pulumi.runtime.test
    def build() -> Any:
        made = make(**more)
        outputs = [made.identity_arn, made.pull_secrets] if not isinstance(made, LoginSource) else []
        kept = [made.revision] if not isinstance(made, LoginReader) else []
        done = pulumi.Output.all(*kept).apply(lambda known: revisions.extend(known))
        return pulumi.Output.all(done, *outputs)

    build()
    return recorder, revisions[-1]


def hub(recorder: Recorder) -> tuple[str, dict[str, Any]]:
    (found,) = [(name, spec) for name, spec in external_secrets(recorder).items() if name.startswith(f"{NAME}/")]
    return found


def in_state(recorder: Recorder) -> set[tuple[str, str]]:
    """Types and names of what is registered, components aside."""
    return {(request.type, request.name) for request in recorder.requests.values() if request.custom}


def test_two_halves_are_the_whole() -> None:
    whole, _ = built(deliver)
    (one, _), (other, _) = built(source), built(reader)
    assert in_state(one) | in_state(other) == in_state(whole)
    assert not in_state(one) & in_state(other)
    assert not [kind for kind, _ in in_state(one) if kind.startswith("kubernetes:")]


def test_a_stack_of_before_there_were_halves_has_the_same_urns() -> None:
    whole, _ = built(deliver)
    for kind in ("LoginSecret", "RefreshFunction", "ClusterIdentity", "PullSecretSync"):
        (urn,) = [urn for urn in whole.requests if f"{DELIVERY}$everpull:index:{kind}::" in urn]
        assert urn.startswith(f"urn:pulumi:dev::everpull::{DELIVERY}$")


@pytest.mark.parametrize(
    ("make", "half", "kinds"),
    [
        (source, DELIVERY, ("LoginSecret", "RefreshFunction")),
        (reader, DELIVERY, ("ClusterIdentity", "PullSecretSync")),
        (deliver, SOURCE, ("LoginSecret", "RefreshFunction")),
        (deliver, READER, ("ClusterIdentity", "PullSecretSync")),
    ],
)
def test_what_a_stack_keeps_when_it_gets_another_half_is_known_by_its_former_name(
    make: Callable[..., Any], half: str, kinds: tuple[str, ...]
) -> None:
    recorder, _ = built(make)
    for kind in kinds:
        (made,) = [request for request in recorder.requests.values() if request.type == f"everpull:index:{kind}"]
        assert f"urn:pulumi:dev::everpull::{half}::{NAME}" in [alias.spec.parentUrn for alias in made.aliases], kind


def test_the_clusters_identity_may_read_the_other_stacks_secret_and_nothing_else() -> None:
    (statement,) = built(reader)[0].statements("UserPolicy").values()
    assert (statement["Action"], statement["Resource"]) == (["secretsmanager:GetSecretValue"], [SECRET])
    (statement,) = built(reader, **IRSA)[0].statements("RolePolicy").values()
    assert (statement["Action"], statement["Resource"]) == (["secretsmanager:GetSecretValue"], [SECRET])


def test_the_secret_is_read_in_its_own_region() -> None:
    recorder, _ = built(reader)
    assert recorder.one(":SecretStore").inputs["spec"]["provider"]["aws"]["region"] == "eu-west-1"
    assert hub(recorder)[1]["data"][0]["remoteRef"]["key"] == SECRET
    metadata = recorder.one(":ExternalSecret", "-sync-hub").inputs["metadata"]
    assert metadata["annotations"]["everpull/refresher"] == LOGIN["refresher_arn"]


def test_the_hub_is_made_anew_when_the_other_stack_keeps_another_login() -> None:
    names = {
        hub(built(reader, **more)[0])[0]
        for more in ({}, {"login": {**LOGIN, "revision": "9876543210"}}, {"iam_path": "/a/"})
    }
    assert len(names) == 3
    assert hub(built(reader)[0])[0] == hub(built(reader)[0])[0]


def test_the_revision_tells_of_registries_roles_and_whose_the_login_is(monkeypatch: pytest.MonkeyPatch) -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"registries": [HOST, HOST.replace("central", "west")]},
        {"assume_roles": ["arn:aws:iam::222222222222:role/a"]},
    ]
    revisions = [built(source, **more)[1] for more in variants]
    assert len(set(revisions)) == len(variants)
    assert built(source)[1] == revisions[0] == built(deliver)[1]
    answer = Recorder.new_resource

    def elsewhere(self: Recorder, args: Any) -> tuple[str, dict[str, Any]]:
        made, outputs = answer(self, args)
        return made, {**outputs, **({"arn": f"{outputs['arn']}-2"} if args.typ.endswith(":Secret") else {})}

    monkeypatch.setattr(Recorder, "new_resource", elsewhere)
    assert built(source)[1] not in revisions


def test_a_stack_that_only_reads_has_another_hub_than_one_that_keeps_the_same_login() -> None:
    """Else the hub of before would be changed in place when a stack gives its login away, and nothing would be proven."""
    whole, revision = built(deliver)
    other, _ = built(reader, login={**LOGIN, "revision": revision})
    assert hub(whole)[0] != hub(other)[0]
