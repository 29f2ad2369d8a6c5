"""The identity as the settings say: what is looked up, refused, told to the delivery, made, and put out."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from components.aws_reads import Access, Denied, Missing
from components.issuers import KnownIssuer
from modes import deliver, identities
from modes.identities import identity_args, make_issuer
from settings import ConfigurationError, Settings, parse
from tests.components.recording import Recorder, record
from tests.components.roles import CLUSTER, ISSUER, PROVIDER
from tests.modes.test_modes import args
from tests.settings.bad_configurations import GOOD, NODE_ROLE

ACCOUNT = "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/bound"
STS = KnownIssuer(("sts.amazonaws.com",), {})
OURS = KnownIssuer(("sts.amazonaws.com",), {"everpull:owner": "everpull-dev"})


class Aws:
    """What is there: an EKS cluster `main`, and what else a test says."""

    def __init__(self) -> None:
        self.issuer: str | Exception = ISSUER
        self.known: KnownIssuer | Exception = STS
        self.associations: Sequence[str] = ()
        self.boundary: Exception | None = None
        self.in_cluster: str | None = ISSUER
        self.asked: list[Any] = []

    def looking(self, access: Access) -> Any:
        self.asked.append(access)
        return _Looking(self)


class _Looking:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def issuer(self, cluster: str) -> str:
        assert cluster == "main"
        if isinstance(self._aws.issuer, Exception):
            raise self._aws.issuer
        return self._aws.issuer

    def known(self, arn: str) -> KnownIssuer:
        assert arn == PROVIDER
        if isinstance(self._aws.known, Exception):
            raise self._aws.known
        return self._aws.known

    def associations(self, *place: str) -> Sequence[str]:
        assert place == ("main", "everpull-dev", "refresher")
        return self._aws.associations

    def look_at(self, arn: str) -> None:
        assert arn == BOUNDARY
        if self._aws.boundary:
            raise self._aws.boundary


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    made = Aws()
    for name in ("AwsEksClusters", "IamIssuers", "IamPolicies"):
        monkeypatch.setattr(identities, name, made.looking)
    monkeypatch.setattr(identities, "issuer_of", lambda _: made.in_cluster)
    return made


def settings(**more: str) -> Settings:
    return parse({**GOOD, **{f"everpull:{key}": value for key, value in more.items()}}, "dev")


def of_eks(**more: str) -> Settings:
    return settings(**{"identity": "irsa", "eksCluster": "main", **more})


def told(chosen: Settings) -> Any:
    return identity_args(chosen, "aws", ACCOUNT)


def refusal(chosen: Settings) -> str:
    with pytest.raises(ConfigurationError) as caught:
        told(chosen)
    return str(caught.value)


def test_nodes_alone_need_no_identity(aws: Aws) -> None:
    assert told(parse({**GOOD, **NODE_ROLE}, "dev")) == {}
    assert aws.asked == []


@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
def test_an_access_key_is_told_by_its_number_and_whom_to_ask(aws: Aws, mode: str) -> None:
    found = told(settings(mode=mode, accessKeyGeneration="7"))
    assert found.pop("before_key")
    assert found == {"access_key_generation": 7}


@pytest.mark.parametrize("mode", ["lambda", "cronjob"])
def test_the_issuer_of_an_eks_cluster_is_what_eks_says(aws: Aws, mode: str) -> None:
    assert told(of_eks(mode=mode)) == {"oidc_issuer": ISSUER, "oidc_provider_arn": PROVIDER}


def test_the_issuer_of_another_cluster_is_what_the_stack_says(aws: Aws) -> None:
    aws.issuer = Missing("nobody asks")
    assert told(settings(identity="irsa", oidcIssuer=ISSUER)) == {"oidc_issuer": ISSUER, "oidc_provider_arn": PROVIDER}


def test_a_pod_identity_is_told_by_its_cluster_and_whom_to_ask(aws: Aws) -> None:
    found = told(settings(mode="cronjob", identity="pod-identity", eksCluster="main"))
    ask = found.pop("before_association")
    assert found == {"eks_cluster_arn": CLUSTER}
    ask("everpull-dev/refresher")
    aws.associations = ["a-1"]
    with pytest.raises(ConfigurationError) as caught:
        ask("everpull-dev/refresher")
    assert "everpull:eksCluster = main" in str(caught.value)
    assert "--association-id a-1" in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"identity": "irsa", "eksCluster": "main"}], ids=["key", "irsa"])
def test_path_and_boundary_are_told_where_they_are_set(aws: Aws, more: dict[str, str]) -> None:
    found = told(settings(**more, iamPath="/a/", permissionsBoundary=BOUNDARY))
    assert (found["iam_path"], found["permissions_boundary"]) == ("/a/", BOUNDARY)
    assert not {"iam_path", "permissions_boundary"} & told(settings(**more)).keys()


def test_everything_is_looked_up_as_who_deploys(aws: Aws) -> None:
    chosen = {"identity": "irsa", "eksCluster": "main", "permissionsBoundary": BOUNDARY}
    config = {**GOOD, "aws:profile": "deploys", **{f"everpull:{key}": value for key, value in chosen.items()}}
    told(parse(config, "dev"))
    assert set(aws.asked) == {Access("eu-central-1", "deploys")}
    assert len(aws.asked) == 3


def test_every_fault_is_told_at_once_by_its_key(aws: Aws) -> None:
    aws.known = Missing("NoSuchEntity")
    aws.boundary = Missing("NoSuchEntity")
    aws.in_cluster = "https://other.example"
    text = refusal(of_eks(permissionsBoundary=BOUNDARY))
    assert "has 3 faults" in text
    for line in (
        f"everpull:permissionsBoundary = {BOUNDARY}\n     does not exist",
        f"everpull:eksCluster = main\n     means a cluster whose issuer is {ISSUER}, and that of the kubeconfig's cluster is "
        "https://other.example: none of its service accounts could have the role",
        f"everpull:createOidcProvider = false\n     leaves it to others to tell IAM of the issuer {ISSUER}",
    ):
        assert line in text


def test_an_issuer_that_is_another_clusters_is_a_fault_of_its_key(aws: Aws) -> None:
    aws.in_cluster = "https://other.example"
    assert f"everpull:oidcIssuer = {ISSUER}\n" in refusal(settings(identity="irsa", oidcIssuer=ISSUER))
    chosen = settings(mode="cronjob", identity="pod-identity", eksCluster="main")
    assert "everpull:eksCluster = main\n" in refusal(chosen)


def test_a_cluster_that_tells_no_issuer_is_taken_to_be_the_one(aws: Aws) -> None:
    aws.in_cluster = None
    assert told(of_eks())["oidc_issuer"] == ISSUER
    aws.in_cluster, aws.issuer = "https://other.example", Denied("eks:DescribeCluster")
    chosen = settings(mode="cronjob", identity="pod-identity", eksCluster="main")
    assert told(chosen)["eks_cluster_arn"] == CLUSTER


@pytest.mark.parametrize(("mode", "identity"), [("lambda", "irsa"), ("cronjob", "irsa"), ("cronjob", "pod-identity")])
def test_a_cluster_that_does_not_exist_is_refused(aws: Aws, mode: str, identity: str) -> None:
    aws.issuer = Missing("ResourceNotFoundException")
    text = refusal(settings(mode=mode, identity=identity, eksCluster="main"))
    assert "has 1 fault" in text
    assert "everpull:eksCluster = main\n     does not exist" in text


# The issuer in IAM.


def issuers_made(chosen: Settings) -> Recorder:
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        return pulumi.Output.from_input([made.urn for made in make_issuer(chosen, told(chosen))])

    build()
    return recorder


def test_an_issuer_is_made_known_where_the_stack_says_so_whatever_the_mode(aws: Aws) -> None:
    names = set()
    for mode in ("lambda", "cronjob"):
        recorder = issuers_made(of_eks(mode=mode, createOidcProvider="true"))
        provider = recorder.one(":OpenIdConnectProvider")
        assert (provider.inputs["url"], provider.inputs["tags"]) == (ISSUER, OURS.tags)
        names |= {urn for urn, request in recorder.requests.items() if request.name == provider.name}
    assert len(names) == 1, "a change of the mode would make it a second time"


@pytest.mark.parametrize("more", [{"identity": "irsa", "eksCluster": "main"}, {}], ids=["irsa", "key"])
def test_an_issuer_is_not_made_known_otherwise(aws: Aws, more: dict[str, str]) -> None:
    assert not issuers_made(settings(**more)).resources


def asked_before(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> Any:
    given: dict[str, Any] = {}
    monkeypatch.setattr(identities, "ClusterIssuer", lambda _, args: given.update(args) or "made")
    chosen = of_eks(createOidcProvider="true")
    assert make_issuer(chosen, told(chosen)) == ["made"]
    return given["before"]


def test_the_engine_asks_whether_iam_knows_the_issuer_already(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    """It does when it is about to make it, so not of one that the stack itself made."""
    ask = asked_before(monkeypatch, aws)
    aws.known = Missing("NoSuchEntity")
    ask(ISSUER)
    aws.known = STS
    with pytest.raises(ConfigurationError) as caught:
        ask(ISSUER)
    assert str(caught.value) == (
        "the configuration of stack dev has 1 fault:\n"
        "  1. everpull:createOidcProvider = true\n"
        f"     would tell IAM of the issuer {ISSUER}, which it knows already\n"
        "     allowed: false, which uses what IAM knows\n"
        "     example: pulumi config rm everpull:createOidcProvider"
    )


def test_what_the_stack_made_known_is_no_fault_as_long_as_it_says_that_it_makes_it(aws: Aws) -> None:
    aws.known = OURS
    assert told(of_eks(createOidcProvider="true"))
    assert "because this stack made it known" in refusal(of_eks())


# What comes of it.


ROWS = [("lambda", "irsa"), ("cronjob", "irsa"), ("cronjob", "pod-identity")]


def delivered(chosen: Settings) -> tuple[Recorder, dict[str, Any]]:
    recorder, outputs = record(), {}

    @pulumi.runtime.test
    def build() -> Any:
        made = deliver(chosen, Surroundings(), args(chosen, **told(chosen)), pulumi.ResourceOptions())
        return pulumi.Output.all(**made).apply(outputs.update)

    build()
    return recorder, outputs


@pytest.mark.parametrize(("mode", "identity"), ROWS)
def test_outputs_have_the_names_that_they_have_with_a_key(aws: Aws, mode: str, identity: str) -> None:
    recorder, outputs = delivered(settings(mode=mode, identity=identity, eksCluster="main"))
    assert outputs.keys() == delivered(settings(mode=mode))[1].keys()
    arns = {
        what: f"arn:aws:iam:eu-central-1:{ACCOUNT}:everpull-dev-{what}-role" for what in ("cluster", "pods", "refresh")
    }
    role = arns["pods" if identity == "pod-identity" else "cluster"]
    assert (outputs["identityArn"], outputs["refresherArn"]) == (role, role if mode == "cronjob" else arns["refresh"])
    assert not recorder.all(":User")


@pytest.mark.parametrize(("mode", "identity"), ROWS)
def test_a_role_has_no_age(monkeypatch: pytest.MonkeyPatch, aws: Aws, mode: str, identity: str) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    delivered(settings(mode=mode, identity=identity, eksCluster="main"))
    assert not [text for text in said if "days old" in text]


def test_the_cronjob_is_told_whose_runs_to_wait_for(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    asked: list[Any] = []

    async def let_go(_: Settings, runs: Any, patience: float) -> None:
        asked.append(runs.variables)

    monkeypatch.setattr("modes.by_cronjob.when_let_go", let_go)
    for identity in ("irsa", "pod-identity"):
        recorder, _ = delivered(settings(mode="cronjob", identity=identity, eksCluster="main"))
        (container,) = recorder.one(":Job", "-first-run").inputs["spec"]["template"]["spec"]["containers"]
        shown = [item["name"] for item in container["env"] if item["name"] in asked[-1]]
        assert shown == ["AWS_ROLE_ARN" if identity == "irsa" else "EVERPULL_POD_ROLE"]


def test_the_lambda_modes_end_waits_for_pulls_with_another_roles_logins(
    monkeypatch: pytest.MonkeyPatch, aws: Aws
) -> None:
    asked: list[Any] = []

    async def pulled(_: Settings, hub: str, annotation: str, aside: str) -> None:
        asked.append((hub, annotation, aside))

    async def synced(_: object, places: Sequence[str]) -> list[str]:
        return list(places)

    monkeypatch.setattr("modes.by_operator.when_pulled", pulled)
    monkeypatch.setattr("modes.by_operator.when_synced", synced)
    recorder, outputs = delivered(settings())
    hub = recorder.one(":ExternalSecret", "-hub").inputs["metadata"]
    assert asked == [(outputs["hub"], "everpull/refresher", "everpull/login")]
    assert asked[0][1] in hub["annotations"]
    assert asked[0][2] not in hub["annotations"]
