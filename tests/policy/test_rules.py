"""Each rule, seen to fail by one small change of what the product would make, and only by such a one."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policy.resources import Mark, Resource, Stack
from policy.rules import RULES, violations
from tests.policy.combinations import COMBINATIONS
from tests.policy.planned import planned

LAMBDA, ROTATION = "lambda access-key schedule, all options", "lambda access-key rotation"
CRONJOB, LISTED, POD = "cronjob access-key, all options", "cronjob access-key", "cronjob pod-identity"
TOKEN = "generator irsa"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"

Change = Callable[[Stack], Stack]


def with_inputs(ending: str, change: Callable[[dict[str, Any]], Any], name: str = "") -> Change:
    """Changes the inputs of the one resource whose type and name end so; of the first, if there are several."""

    def changed(stack: Stack) -> Stack:
        index = next(
            at for at, found in enumerate(stack.resources) if found.type.endswith(ending) and found.name.endswith(name)
        )
        resources = list(stack.resources)
        inputs = deepcopy(dict(resources[index].inputs))
        change(inputs)
        resources[index] = replace(resources[index], inputs=inputs)
        return replace(stack, resources=resources)

    return changed


def with_policy(ending: str, change: Callable[[dict[str, Any]], Any], sid: str = "", name: str = "") -> Change:
    """Changes one statement of a policy: that of the Sid, or the only one."""

    def changed(inputs: dict[str, Any]) -> None:
        key = "assumeRolePolicy" if ending == ":Role" else "policy"
        document = json.loads(inputs[key])
        (found,) = [item for item in document["Statement"] if sid in ("", item.get("Sid"))]
        change(found)
        inputs[key] = json.dumps(document)

    return with_inputs(ending, changed, name)


def with_another(kind: str, **inputs: Any) -> Change:
    return lambda stack: replace(stack, resources=[*stack.resources, Resource(kind, "another", inputs)])


def with_config(**more: Any) -> Change:
    def changed(stack: Stack) -> Stack:
        return replace(stack, config={**(stack.config or {}), **{key.replace("_", ":"): more[key] for key in more}})

    return changed


def at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets what is at that path; None takes it away."""

    def change(inputs: dict[str, Any]) -> None:
        # A backslash stands for a slash within a step.
        *steps, last = [int(step) if step.isdigit() else step.replace("\\", "/") for step in path.split("/")]
        found: Any = inputs
        for step in steps:
            found = found[step]
        if value is None:
            del found[last]
        elif last == "-":
            found.append(value)
        else:
            found[last] = value

    return change


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.update({new: found.pop(old)})


BROKEN: list[tuple[str, str, Change, str]] = [
    ("wildcard-action", LAMBDA, with_policy(":RolePolicy", at("Action/0", "ecr:Batch*"), "PullWithIt"), "ecr:Batch*"),
    (
        "wildcard-action",
        LAMBDA,
        with_policy(":UserPolicy", renamed("Action", "NotAction"), "ReadLogin"),
        "everything but some actions",
    ),
    (
        "wildcard-action",
        LAMBDA,
        with_another(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
        ),
        "whose actions AWS chooses",
    ),
    (
        "wildcard-action",
        LISTED,
        with_inputs("/v1:Role", at("rules/0/verbs", ["*"])),
        "every verb on secrets",
    ),
    (
        "wildcard-resource",
        LAMBDA,
        with_policy(":RolePolicy", at("Resource", "*"), "KeepLogin", "-refresh-rights"),
        "GetSecretValue, secretsmanager:PutSecretValue on every resource",
    ),
    (
        "wildcard-resource",
        LAMBDA,
        with_policy(":RolePolicy", at("Action/-", "ecr:ListImages"), "FetchLogin"),
        "allows ecr:ListImages on every resource",
    ),
    (
        "wildcard-resource",
        LISTED,
        with_policy(":UserPolicy", at("Resource/0", "arn:aws:ecr:eu-central-1:*:repository/base"), "PullWithIt"),
        "any account",
    ),
    (
        "wildcard-resource",
        LAMBDA,
        with_policy(
            ":RolePolicy",
            at("Resource/0", "arn:aws:sqs:eu-central-1:000000000000:*"),
            "BuryFailures",
            "-refresh-rights",
        ),
        "any resource",
    ),
    (
        "wildcard-resource",
        LAMBDA,
        with_policy(":RolePolicy", renamed("Resource", "NotResource"), "BuryFailures", "-refresh-rights"),
        "everything but some resources",
    ),
    (
        "wildcard-resource",
        CRONJOB,
        with_inputs(":ClusterRole", at("rules/1/apiGroups", ["*"])),
        "list on every kind of object",
    ),
    (
        "source-condition",
        LAMBDA,
        with_policy(":QueuePolicy", at("Condition", None), "UndeliveredEvents"),
        "lets events.amazonaws.com in",
    ),
    (
        "source-condition",
        LAMBDA,
        with_policy(":QueuePolicy", renamed("Condition", "Conditions"), "UndeliveredEvents"),
        "lets events.amazonaws.com in",
    ),
    (
        "source-condition",
        LAMBDA,
        with_policy(":QueuePolicy", at("Condition", {"ArnLike": {"aws:SourceArn": "*"}}), "UndeliveredEvents"),
        "lets events.amazonaws.com in",
    ),
    (
        "source-condition",
        LAMBDA,
        with_policy(
            ":QueuePolicy",
            at("Condition", {"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:events:::rule/r"}}),
            "UndeliveredEvents",
        ),
        "lets events.amazonaws.com in",
    ),
    (
        "source-condition",
        LAMBDA,
        with_policy(":TopicPolicy", at("Condition", None)),
        "lets cloudwatch.amazonaws.com in",
    ),
    ("source-condition", LAMBDA, with_inputs(":Permission", at("sourceArn", None)), "events.amazonaws.com may invoke"),
    (
        "source-condition",
        ROTATION,
        with_inputs(":Permission", lambda inputs: inputs.update(sourceArn=None, sourceAccount=None)),
        "secretsmanager.amazonaws.com may invoke",
    ),
    ("source-condition", POD, with_policy(":Role", at("Condition", None)), "lets pods.eks.amazonaws.com in"),
    (
        "source-condition",
        LAMBDA,
        with_policy(":Role", at("Principal/Service", "ec2.amazonaws.com"), name="-refresh-role"),
        "lets ec2.amazonaws.com in",
    ),
    (
        "source-condition",
        TOKEN,
        with_policy(":Role", at("Condition/StringEquals/oidc.example.com\\cluster-a:sub", None)),
        "whoever has a token of arn:aws:iam::000000000000:oidc-provider/oidc.example.com/cluster-a",
    ),
    ("source-condition", LAMBDA, with_policy(":RepositoryPolicy", at("Principal", "*")), "everybody"),
    ("source-condition", LAMBDA, with_policy(":RepositoryPolicy", at("Principal/AWS", ["*"])), "everybody"),
    (
        "static-key",
        TOKEN,
        with_another("aws:iam/accessKey:AccessKey", user="somebody"),
        "an access key is made although a role is configured",
    ),
    (
        "static-key",
        TOKEN,
        lambda stack: replace(with_another("aws:iam/accessKey:AccessKey")(stack), config=None),
        "an access key is made although a role is configured",
    ),
    (
        "static-key",
        POD,
        lambda stack: replace(with_another("aws:iam/accessKey:AccessKey")(stack), config=None),
        "an access key is made although a role is configured",
    ),
    (
        "static-key",
        LAMBDA,
        with_another("pulumi:providers:aws", region="eu-central-1", secretKey=Mark.SECRET),
        "the provider works by an access key",
    ),
    ("log-retention", LAMBDA, with_inputs(":LogGroup", at("retentionInDays", None)), "is kept for ever"),
    ("log-retention", LAMBDA, with_inputs(":LogGroup", at("retentionInDays", 0)), "is kept for ever"),
    ("log-retention", LAMBDA, with_inputs(":Function", at("loggingConfig", None)), "a group that Lambda makes"),
    (
        "log-retention",
        LAMBDA,
        with_inputs(":Function", at("loggingConfig/logGroup", None)),
        "a group that Lambda makes",
    ),
    (
        "encryption",
        "lambda access-key schedule",
        with_inputs(":Queue", at("sqsManagedSseEnabled", False)),
        "messages in plain text",
    ),
    ("plain-secret", LISTED, with_inputs("v1:Secret", at("stringData", {"key": "a"})), "stringData.key is not marked"),
    (
        "plain-secret",
        LISTED,
        with_inputs("v1:Secret", at("stringData", Mark.UNKNOWN)),
        "stringData is not marked as secret",
    ),
    (
        "plain-secret",
        LAMBDA,
        with_another("aws:secretsmanager/secretVersion:SecretVersion", secretString="{}"),
        "secretString is not marked as secret",
    ),
    (
        "plain-secret",
        LAMBDA,
        with_inputs(":Function", at("environment/variables/PROXY_PASSWORD", "hunter2")),
        "environment.variables.PROXY_PASSWORD looks like a secret",
    ),
    (
        "plain-secret",
        LISTED,
        with_inputs(
            ":CronJob",
            at(
                "spec/jobTemplate/spec/template/spec/containers/0/env/-",
                {"name": "AWS_SECRET_ACCESS_KEY", "value": "hunter2"},
            ),
        ),
        "gives AWS_SECRET_ACCESS_KEY in plain text",
    ),
    ("plain-secret", LAMBDA, with_inputs(":EventTarget", at("input", f"Bearer {JWT}")), "input looks like a secret"),
    (
        "plain-secret",
        LISTED,
        with_inputs(":ConfigMap", at("data/key", "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n")),
        "data.key looks like a secret",
    ),
    (
        "plain-secret",
        LISTED,
        with_inputs(":ConfigMap", at("data/auth", '{"auth": "QVdTOmV5SndZWGxzYjJGa0lqb2lZMkZ1WVhKNUluMD0="}')),
        "data.auth looks like a secret",
    ),
    ("plain-secret", LAMBDA, with_config(aws_secretKey="hunter2"), "the value looks like a secret"),
    (
        "plain-secret",
        LAMBDA,
        with_config(kubernetes_kubeconfig="users:\n- user:\n    token: abcdefgh.ijklmnop\n"),
        "the value looks like a secret",
    ),
    ("secret-rights", LISTED, with_inputs("/v1:Role", at("rules/0/resourceNames", None)), "on Secrets of any name"),
    ("secret-rights", CRONJOB, with_inputs(":ClusterRole", at("rules/0/resourceNames", [])), "on Secrets of any name"),
    ("secret-rights", CRONJOB, with_config(everpull_namespaceSelector=""), "namespaceSelector chooses none"),
    (
        "secret-rights",
        LISTED,
        with_inputs("/v1:RoleBinding", at("roleRef", {"kind": "ClusterRole", "name": "edit"})),
        "binds the ClusterRole edit",
    ),
    (
        "secret-rights",
        CRONJOB,
        with_inputs(":ClusterRoleBinding", at("roleRef/name", "cluster-admin")),
        "binds the ClusterRole cluster-admin",
    ),
]


@pytest.mark.parametrize(
    ("rule", "name", "change", "sentence"), BROKEN, ids=[f"{rule}: {sentence}" for rule, _, _, sentence in BROKEN]
)
def test_a_broken_rule_is_seen(
    rule: str, name: str, change: Change, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (found,) = violations(change(planned(COMBINATIONS[name], monkeypatch, tmp_path)))
    assert found.rule.name == rule
    assert sentence in found.sentence


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _, _, _ in BROKEN} == {rule.name for rule in RULES}


@pytest.mark.parametrize(
    "change",
    [
        with_inputs(":Queue", lambda inputs: inputs.update(sqsManagedSseEnabled=False, kmsMasterKeyId="alias/mine")),
        with_inputs(":Permission", lambda inputs: inputs.update(sourceArn=None, sourceAccount="000000000000")),
        with_inputs(":Function", at("loggingConfig", Mark.UNKNOWN)),
        with_inputs(":RolePolicy", at("policy", Mark.UNKNOWN)),
        with_config(kubernetes_kubeconfig=Mark.SECRET),
    ],
    ids=["a key of one's own", "an account as source", "not known yet", "a policy not known yet", "a secret in config"],
)
def test_what_is_as_good_is_no_violation(change: Change, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert violations(change(planned(COMBINATIONS[LAMBDA], monkeypatch, tmp_path))) == []


def test_a_statement_that_denies_gives_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def deny(found: dict[str, Any]) -> None:
        found.update(Effect="Deny", Action="*", Resource="*")

    stack = planned(COMBINATIONS[LAMBDA], monkeypatch, tmp_path)
    assert violations(with_policy(":RolePolicy", deny, "KeepLogin", "-refresh-rights")(stack)) == []


def test_without_a_configuration_rights_everywhere_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert violations(replace(planned(COMBINATIONS[CRONJOB], monkeypatch, tmp_path), config=None)) == []
