"""Mode `generator`: what ESO is told to fetch, in what order, and what stays when the mode or the identity changes."""

import json
import re
from itertools import pairwise
from typing import Any

import pulumi
import pytest

from components.generator_delivery import GeneratorDelivery, GeneratorDeliveryArgs
from tests.components import test_lambda_delivery
from tests.components.recording import ACCOUNT, Recorder, record
from tests.components.roles import IRSA

NAME = "everpull-dev"
OWN, FAR, LENT = (f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com", "lent")
ROLE = "arn:aws:iam::222222222222:role/ecr-pull"
GROUPS = [
    {"name": "eu-central-1", "hosts": [OWN, "other"], "region": "eu-central-1", "role": None},
    {"name": "eu-central-1-222222222222", "hosts": [LENT], "region": "eu-central-1", "role": ROLE},
    {"name": "public", "hosts": ["public.ecr.aws"], "region": "us-east-1", "public": True},
]


def built(**more: Any) -> Recorder:
    recorder = record()
    args: dict[str, Any] = {
        "owner": NAME,
        "labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"},
        "region": "eu-central-1",
        "registries": [OWN, "other", LENT, "public.ecr.aws"],
        "repository_arns": [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-a/*"],
        "assume_roles": [ROLE],
        "ecr_public": True,
        "namespaces": ["team-a", "team-b"],
        "namespace_selector": None,
        "excluded_namespaces": [],
        "labelled_sync": "ecr-pull.labelled",
        "has_policy": True,
        "pull_secret_name": "ecr-pull",
        "system_namespace": NAME,
        "login_groups": GROUPS,
        "renew_interval": 3600,
        "fan_out_interval": 300,
    }

    @pulumi.runtime.test
    def build() -> Any:
        made = GeneratorDelivery(NAME, GeneratorDeliveryArgs(**{**args, **more}))
        return pulumi.Output.all(made.pull_secrets, made.labelled, made.identity_arn)

    build()
    return recorder


def fetching(recorder: Recorder) -> list[dict[str, Any]]:
    """In the order of the groups; the engine hears of them in any."""
    found = {
        item.inputs["metadata"]["annotations"].get("everpull/login"): item.inputs
        for item in recorder.all(":ExternalSecret")
    }
    return [found[group["name"]] for group in GROUPS if group["name"] in found]


def test_each_login_is_fetched_by_a_generator_of_its_own_into_a_secret_of_its_own() -> None:
    recorder = built()
    generators = {
        item.inputs["metadata"]["name"]: item.inputs["spec"] for item in recorder.all(":ECRAuthorizationToken")
    }
    specs = [generators[item["metadata"]["name"]] for item in fetching(recorder)]
    assert [(spec["region"], spec.get("role"), spec.get("scope")) for spec in specs] == [
        ("eu-central-1", None, None),
        ("eu-central-1", ROLE, None),
        ("us-east-1", None, "public"),
    ]
    secret = {"name": "login-fetcher-aws-credentials", "key": "access-key-id"}
    assert all(spec["auth"]["secretRef"]["accessKeyIDSecretRef"] == secret for spec in generators.values())
    for item in fetching(recorder):
        (source,) = item["spec"]["dataFrom"]
        reference = source["sourceRef"]["generatorRef"]
        assert (reference["kind"], reference["name"]) == ("ECRAuthorizationToken", item["metadata"]["name"])
        assert item["spec"]["target"]["name"] == reference["name"]
        assert item["spec"]["target"]["deletionPolicy"] == "Retain"
        assert item["spec"]["refreshInterval"] == "1h0m0s"
        assert item["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Ready"
        assert item["metadata"]["namespace"] == NAME
    assert {item["metadata"]["name"] for item in fetching(recorder)} == generators.keys()


def test_a_login_is_the_docker_config_of_its_registries() -> None:
    templates = [item["spec"]["target"]["template"] for item in fetching(built())]
    assert {template["type"] for template in templates} == {"kubernetes.io/dockerconfigjson"}
    rendered = [
        json.loads(re.sub(r"\{\{[^}]* b64enc \}\}", "auth of it", template["data"][".dockerconfigjson"]))
        for template in templates
    ]
    assert rendered == [{"auths": {host: {"auth": "auth of it"} for host in group["hosts"]}} for group in GROUPS]


def test_the_hub_puts_them_together_and_is_read_as_in_the_other_mode() -> None:
    recorder = built()
    hub = recorder.one(":ExternalSecret", "-sync-hub-generator").inputs
    keys = [entry["secretKey"] for entry in hub["spec"]["data"]]
    names = [item["metadata"]["name"] for item in fetching(recorder)]
    assert [entry["remoteRef"] for entry in hub["spec"]["data"]] == [
        {"key": name, "property": ".dockerconfigjson"} for name in names
    ]
    template = hub["spec"]["target"]["template"]["data"][".dockerconfigjson"]
    together = " ".join(f"(fromJson .{key}).auths" for key in keys)
    assert template == f'{{"auths":{{{{ merge {together} | toJson }}}}}}'
    store = recorder.one(":SecretStore").inputs["spec"]["provider"]["kubernetes"]
    assert store["remoteNamespace"] == NAME
    assert store["auth"]["serviceAccount"] == {"name": "logins-reader", "namespace": NAME}
    rule = recorder.one(":Role", "-logins-reader-role-generator").inputs["rules"]
    assert rule == [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}]
    hub_rule = recorder.one(":Role", "-hub-reader-role-generator").inputs["rules"]
    assert hub_rule[0]["resourceNames"] == [hub["metadata"]["name"]]


def test_each_waits_for_a_working_one_before_it() -> None:
    recorder = built()
    waited = recorder.waits_for(f"{NAME}-sync-pull-secret-team-a")
    fetched = {f"{NAME}-logins-fetch-generator-{group['name']}" for group in GROUPS}
    assert {*fetched, f"{NAME}-cluster-credentials", f"{NAME}-sync-hub-generator"} <= waited
    assert fetched <= recorder.waits_for(f"{NAME}-sync-hub-generator")
    assert f"{NAME}-cluster-credentials" in recorder.waits_for(f"{NAME}-logins-token-generator-public")


def test_the_identity_may_fetch_and_pull_and_nothing_else() -> None:
    statements = built().statements(":UserPolicy")
    assert statements.keys() == {"FetchLogin", "PullWithIt", "AssumeRoles", "FetchPublicLogin"}


def test_nothing_of_the_other_mode_is_there() -> None:
    kinds = {item.type.rpartition(":")[2] for item in built().resources}
    assert not {"Function", "EventRule", "Queue"} & kinds
    assert not [item for item in built().resources if "secretsmanager" in item.type]


def test_what_serves_the_namespaces_is_called_as_in_the_other_mode_and_known_by_it() -> None:
    """So a change of the mode makes none of it anew."""
    by_lambda, recorder = test_lambda_delivery.built(), built()
    served = [
        f"{NAME}-sync-{what}" for what in ("cluster-store", "hub-reader", "pull-secret-team-a", "pull-secret-team-b")
    ]
    for name in served:
        one, two = (next(item for item in r.resources if item.name == name) for r in (by_lambda, recorder))
        assert one.inputs["metadata"] == two.inputs["metadata"]
    others = {"everpull:index:LambdaDelivery": by_lambda, "everpull:index:GeneratorDelivery": recorder}
    for kind, other in others.items():
        (sync,) = [item for item in other.requests.values() if item.type == "everpull:index:PullSecretSync"]
        parents = [alias.spec.parentUrn for alias in sync.aliases]
        kinds = [name for name in (*others, "everpull:index:LoginReader") if name != kind]
        assert parents == [f"urn:pulumi:dev::everpull::{name}::{NAME}" for name in kinds]


@pytest.mark.parametrize(
    ("more", "mark"), [(IRSA, "-irsa"), ({"access_key_generation": 2}, "-2"), ({"registries": [OWN]}, "")]
)
def test_what_is_proven_anew_has_another_name(more: dict[str, Any], mark: str) -> None:
    before, after = ({item["metadata"]["name"] for item in fetching(built(**extra))} for extra in ({}, more))
    assert not before & after
    old, new = (
        recorder.one(":ExternalSecret", f"-sync-hub-generator{end}")
        for recorder, end in ((built(), ""), (built(**more), mark))
    )
    assert old.inputs["metadata"]["name"] != new.inputs["metadata"]["name"]


def test_a_role_is_that_of_a_service_account_of_its_own() -> None:
    recorder = built(**IRSA)
    account = recorder.one(":ServiceAccount", "-store-account").inputs
    assert account["metadata"]["name"] == "login-fetcher"
    auth = {"jwt": {"serviceAccountRef": {"name": "login-fetcher"}}}
    assert all(item.inputs["spec"]["auth"] == auth for item in recorder.all(":ECRAuthorizationToken"))
    assert [item.name for item in recorder.resources if item.type.endswith("v1:Secret")] == []
    chain = [f"{NAME}-{what}" for what in ("logins-fetch-generator-irsa-public", "logins-token-generator-irsa-public")]
    for first, then in pairwise([*chain, f"{NAME}-cluster-store-account", f"{NAME}-cluster-role"]):
        assert then in {recorder.requests[urn].name for urn in recorder.request(first).dependencies}
