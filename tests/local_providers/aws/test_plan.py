"""Which changes are seen, and which take a new resource, as the real provider decides it."""

import json

import pytest

from local.providers.common.values import UNKNOWN, Archive, Secret
from tests.local_providers.aws.scripted import Scripted

QUEUE = "aws:sqs/queue:Queue"
ROLE = "aws:iam/role:Role"
USER = "aws:iam/user:User"
POLICY = "aws:iam/policy:Policy"
KEY = "aws:iam/accessKey:AccessKey"
ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
SECRET = "aws:secretsmanager/secret:Secret"
FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
REPOSITORY = "aws:ecr/repository:Repository"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
PODS_ROLE = "aws:eks/podIdentityAssociation:PodIdentityAssociation"

ISSUER = {"url": "https://oidc.example/id/1", "clientIdLists": ["b", "a"]}
POD = {
    "clusterName": "c",
    "namespace": "n",
    "serviceAccount": "s",
    "roleArn": "arn:aws:iam::000000000000:role/r",
}

FUNCTION_INPUTS = {
    "name": "f",
    "role": "arn:aws:iam::000000000000:role/r",
    "handler": "main.handler",
    "runtime": "python3.12",
    "code": Archive(path="code", hash="1f"),
}
FUNCTION_STATE = {
    **FUNCTION_INPUTS,
    "memorySize": 128,
    "timeout": 3,
    "packageType": "Zip",
    "publish": False,
    "skipDestroy": False,
    "reservedConcurrentExecutions": -1,
    "architectures": ["x86_64"],
    "loggingConfig": {"logFormat": "Text", "logGroup": "/aws/lambda/f"},
    "ephemeralStorage": {"size": 512},
    "tracingConfig": {"mode": "PassThrough"},
    "region": "eu-central-1",
    "tags": {},
    "tagsAll": {},
}


def _policy(*actions: str, as_list: bool = True) -> str:
    action = list(actions) if as_list else actions[0]
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


def _state(token: str, inputs: dict) -> dict:
    return {name: value for name, value in Scripted(token).checked(inputs).items() if not name.startswith("__")}


CASES = [
    (QUEUE, {"name": "q"}, {"name": "q"}, {}),
    (QUEUE, {"name": "q"}, {"name": "r"}, {"name": "UPDATE"}),
    (QUEUE, {"name": "q"}, {"name": "q", "delaySeconds": 5}, {"delaySeconds": "update"}),
    (QUEUE, {"name": "q", "delaySeconds": 5}, {"name": "q"}, {"delaySeconds": "update"}),
    (QUEUE, {"name": "q"}, {"name": "q", "fifoQueue": True}, {"fifoQueue": "UPDATE"}),
    (QUEUE, {"name": "q"}, {"name": "q", "region": "eu-west-1"}, {"region": "UPDATE"}),
    (
        QUEUE,
        {"name": "q", "tags": {"a": "1"}},
        {"name": "q", "tags": {"a": "2"}},
        {"tags.a": "update", "tagsAll.a": "update"},
    ),
    (QUEUE, {"name": "q", "tags": {"a": "1"}}, {"name": "q"}, {"tags": "delete", "tagsAll.a": "delete"}),
    (
        ROLE,
        {"name": "r", "assumeRolePolicy": "{}"},
        {"name": "r", "assumeRolePolicy": "{}", "path": "/x/"},
        {"path": "UPDATE"},
    ),
    (USER, {"name": "u"}, {"name": "u", "path": "/x/"}, {"path": "update"}),
    (USER, {"name": "u"}, {"name": "v"}, {"name": "update"}),
    (USER, {"name": "u"}, {"name": "u", "forceDestroy": True}, {"forceDestroy": "update"}),
    (POLICY, {"name": "p", "policy": "{}"}, {"name": "p", "policy": "{}", "description": "d"}, {"description": "ADD"}),
    (KEY, {"user": "u"}, {"user": "v"}, {"user": "UPDATE"}),
    (KEY, {"user": "u"}, {"user": "u", "status": "Inactive"}, {"status": "update"}),
    (SECRET, {"name": "s", "description": "a"}, {"name": "s"}, {"description": "delete"}),
    (SECRET, {"name": "s"}, {"name": "s", "description": ""}, {}),
    (LOGS, {"name": "l"}, {"name": "l", "retentionInDays": 14}, {"retentionInDays": "update"}),
    (LOGS, {"name": "l", "region": "eu-west-1"}, {"name": "l"}, {"region": "UPDATE"}),
    (OIDC_PROVIDER, ISSUER, {**ISSUER, "url": "https://oidc.example/id/2"}, {"url": "UPDATE"}),
    (OIDC_PROVIDER, ISSUER, {**ISSUER, "clientIdLists": ["a", "b"]}, {}),
    (OIDC_PROVIDER, ISSUER, {**ISSUER, "clientIdLists": ["b", "c"]}, {"clientIdLists.1": "update"}),
    (OIDC_PROVIDER, {**ISSUER, "thumbprintLists": ["a" * 40]}, ISSUER, {}),
    (PODS_ROLE, POD, {**POD, "serviceAccount": "t"}, {"serviceAccount": "UPDATE"}),
    (PODS_ROLE, POD, {**POD, "namespace": "m"}, {"namespace": "UPDATE"}),
    (PODS_ROLE, POD, {**POD, "roleArn": f"{POD['roleArn']}2"}, {"roleArn": "update"}),
    (PODS_ROLE, POD, {**POD, "disableSessionTags": True}, {"disableSessionTags": "update"}),
]


@pytest.mark.parametrize(("token", "before", "after", "changes"), CASES)
def test_a_change_of_inputs_is_seen_with_its_weight(token, before, after, changes):
    assert Scripted(token).changes(_state(token, before), after) == changes


def test_policies_that_say_the_same_are_the_same():
    state = {"user": "u", "name": "p", "policy": _policy("s3:GetObject", as_list=False)}
    scripted = Scripted("aws:iam/userPolicy:UserPolicy")
    assert scripted.changes(state, {**state, "policy": _policy("s3:GetObject")}) == {}
    two = {**state, "policy": _policy("a:B", "c:D")}
    assert scripted.changes(two, {**two, "policy": _policy("c:D", "a:B")}) == {}
    assert scripted.changes(state, {**state, "policy": _policy("s3:PutObject")}) == {"policy": "update"}


def test_an_issuers_url_counts_without_its_scheme_which_iam_does_not_show():
    state = {**_state(OIDC_PROVIDER, ISSUER), "url": "oidc.example/id/1"}
    assert Scripted(OIDC_PROVIDER).changes(state, ISSUER) == {}
    assert Scripted(OIDC_PROVIDER).changes(state, {**ISSUER, "url": "https://oidc.example/id/11"}) == {"url": "UPDATE"}
    assert Scripted(OIDC_PROVIDER).changes(state, {**ISSUER, "url": UNKNOWN}) == {"url": "UPDATE"}


def test_what_aws_chose_is_no_change_when_the_program_says_nothing():
    assert Scripted(FUNCTION).changes(FUNCTION_STATE, FUNCTION_INPUTS) == {}


def test_a_block_that_aws_completed_is_no_change():
    inputs = {**FUNCTION_INPUTS, "loggingConfig": {"logFormat": "Text"}}
    assert Scripted(FUNCTION).changes(FUNCTION_STATE, inputs) == {}
    inputs = {**FUNCTION_INPUTS, "loggingConfig": {"logFormat": "JSON"}}
    assert Scripted(FUNCTION).changes(FUNCTION_STATE, inputs) == {"loggingConfig.logFormat": "update"}


def test_an_empty_environment_is_none():
    assert Scripted(FUNCTION).changes(FUNCTION_STATE, {**FUNCTION_INPUTS, "environment": {"variables": {}}}) == {}


def test_code_is_compared_by_its_hash():
    scripted = Scripted(FUNCTION)
    moved = {**FUNCTION_INPUTS, "code": Archive(path="elsewhere", hash="1f")}
    assert scripted.changes(FUNCTION_STATE, moved) == {}
    changed = {**FUNCTION_INPUTS, "code": Archive(path="code", hash="2f")}
    assert scripted.changes(FUNCTION_STATE, changed) == {"code": "update"}


def test_drift_of_something_the_program_never_gave_is_a_change_back():
    state = {**_state(USER, {"name": "u"}), "permissionsBoundary": "arn:aws:iam::000000000000:policy/b"}
    assert Scripted(USER).changes(state, {"name": "u"}) == {"permissionsBoundary": "delete"}
    tagged = {**_state(USER, {"name": "u"}), "tags": {"x": "1"}, "tagsAll": {"x": "1"}}
    assert Scripted(USER).changes(tagged, {"name": "u"}) == {"tags": "delete", "tagsAll.x": "delete"}


def test_a_repository_keeps_a_scanning_block_that_the_program_leaves_out():
    state = {**_state(REPOSITORY, {"name": "app"}), "imageScanningConfiguration": {"scanOnPush": False}}
    assert Scripted(REPOSITORY).changes(state, {"name": "app"}) == {}


def test_an_unknown_value_is_a_change_and_replaces_where_a_known_one_would():
    assert Scripted(KEY).changes(_state(KEY, {"user": "u"}), {"user": UNKNOWN}) == {"user": "UPDATE"}
    state = _state(SECRET, {"name": "s", "description": "a"})
    assert Scripted(SECRET).changes(state, {"name": "s", "description": UNKNOWN}) == {"description": "update"}


def test_secrets_are_compared_by_what_they_hold():
    state = {**_state(SECRET, {"name": "s"}), "description": Secret("a")}
    assert Scripted(SECRET).changes(state, {"name": "s", "description": Secret("a")}) == {}
    assert Scripted(SECRET).changes(state, {"name": "s", "description": Secret("b")}) == {"description": "update"}


def test_ignored_changes_are_not_shown():
    state = _state(QUEUE, {"name": "q"})
    assert Scripted(QUEUE).changes(state, {"name": "q", "delaySeconds": 5}, ["delaySeconds"]) == {}


def test_an_invocation_is_repeated_by_new_triggers_and_by_new_input_unless_it_follows_the_life_cycle():
    once = {"functionName": "f", "input": "{}", "triggers": {"v": "1"}}
    scripted = Scripted(INVOCATION)
    state = _state(INVOCATION, once)
    assert scripted.changes(state, {**once, "triggers": {"v": "2"}}) == {"triggers.v": "UPDATE"}
    assert scripted.changes(state, {**once, "input": '{"a":1}'}) == {"input": "UPDATE"}
    crud = {**once, "lifecycleScope": "CRUD"}
    assert scripted.changes(_state(INVOCATION, crud), {**crud, "input": '{"a":1}'}) == {"input": "update"}


def test_the_old_one_goes_first_only_where_both_cannot_be():
    role = {"assumeRolePolicy": "{}"}
    named = {**role, "name": "r"}
    assert Scripted(ROLE).deletes_first(_state(ROLE, named), {**named, "path": "/x/"})
    auto = Scripted(ROLE)
    state = _state(ROLE, role)
    assert not auto.deletes_first(state, {**role, "path": "/x/"})
    assert not Scripted(ROLE).deletes_first(_state(ROLE, named), {**named, "description": "in place"})
    attached = {"user": "u", "policyArn": "arn:aws:iam::000000000000:policy/p"}
    assert Scripted(ATTACHMENT).deletes_first(attached, {**attached, "user": "v"})
    assert not Scripted(KEY).deletes_first(_state(KEY, {"user": "u"}), {"user": "v"})
