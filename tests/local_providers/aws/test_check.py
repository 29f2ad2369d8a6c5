"""What `check` fills in and what it refuses, before anything is sent."""

import json
import re

import pytest

from local.providers.aws.check import DEFAULTS
from local.providers.common.naming import Autonaming
from local.providers.common.provider import CheckRequest, ProviderError
from local.providers.common.values import UNKNOWN, Archive, Secret
from tests.local_providers.aws.scripted import Scripted

QUEUE = "aws:sqs/queue:Queue"
ROLE = "aws:iam/role:Role"
USER = "aws:iam/user:User"
SECRET = "aws:secretsmanager/secret:Secret"
FUNCTION = "aws:lambda/function:Function"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
PERMISSION = "aws:lambda/permission:Permission"
INVOCATION = "aws:lambda/invocation:Invocation"
REPOSITORY = "aws:ecr/repository:Repository"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
PODS_ROLE = "aws:eks/podIdentityAssociation:PodIdentityAssociation"

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
CODE = Archive(path="code", hash="1f")
FUNCTION_INPUTS = {
    "role": "arn:aws:iam::000000000000:role/r",
    "handler": "main.handler",
    "runtime": "python3.12",
    "code": CODE,
}


@pytest.mark.parametrize(
    ("token", "inputs", "prop", "pattern"),
    [
        (USER, {}, "name", r"it-[0-9a-f]{7}"),
        (ROLE, {"assumeRolePolicy": TRUST}, "name", r"it-[0-9a-f]{7}"),
        (QUEUE, {"fifoQueue": True}, "name", r"it-[0-9a-f]{7}\.fifo"),
        (TARGET, {"rule": "r", "arn": "arn:aws:sqs:eu-central-1:000000000000:q"}, "targetId", r"it-[0-9a-f]{7}"),
        (
            PERMISSION,
            {"action": "lambda:InvokeFunction", "function": "f", "principal": "events.amazonaws.com"},
            "statementId",
            r"it-[0-9a-f]{7}",
        ),
    ],
)
def test_a_name_is_made_where_the_real_provider_makes_one(token, inputs, prop, pattern):
    checked = Scripted(token).checked(inputs)
    assert re.fullmatch(pattern, checked[prop])
    assert prop in checked[DEFAULTS]


def test_a_made_name_is_kept_and_a_given_one_is_not_called_a_default():
    scripted = Scripted(USER)
    first = scripted.checked({})
    assert scripted.check({}, first, seed=b"another").inputs["name"] == first["name"]
    given = scripted.checked({"name": "me"})
    assert given["name"] == "me"
    assert "name" not in given[DEFAULTS]


def test_a_name_that_was_given_before_is_not_kept_when_it_is_left_out():
    scripted = Scripted(USER)
    assert scripted.checked({}, scripted.checked({"name": "me"}))["name"] != "me"


def test_a_prefix_stands_instead_of_a_made_name():
    checked = Scripted(SECRET).checked({"namePrefix": "p-"})
    assert "name" not in checked


def test_the_stacks_autonaming_is_obeyed():
    scripted = Scripted(USER)
    request = CheckRequest(scripted.on, {}, {}, b"s", Autonaming("propose", "chosen"))
    assert scripted.provider.check(request).inputs["name"] == "chosen"


def test_a_logical_name_that_makes_too_long_a_name_is_refused():
    faults = Scripted(ROLE, name="x" * 60).faults({"assumeRolePolicy": TRUST})
    assert faults[0][0] == "name"
    assert "longer than the 64 characters" in faults[0][1]


def test_defaults_are_filled_in_and_named():
    checked = Scripted(QUEUE).checked({})
    assert checked["visibilityTimeoutSeconds"] == 30
    assert "visibilityTimeoutSeconds" in checked[DEFAULTS]


def test_scalars_are_converted_as_the_bridge_converts_them():
    checked = Scripted(QUEUE).checked({"delaySeconds": "5", "fifoQueue": "false"})
    assert checked["delaySeconds"] == 5
    assert checked["fifoQueue"] is False


def test_a_policy_given_as_an_object_becomes_text_and_stays_secret():
    checked = Scripted(ROLE).checked({"assumeRolePolicy": {"Version": "2012-10-17", "Statement": []}})
    assert json.loads(checked["assumeRolePolicy"]) == json.loads(TRUST)
    hidden = Scripted(ROLE).checked({"assumeRolePolicy": {"Version": Secret("2012-10-17"), "Statement": []}})
    assert hidden["assumeRolePolicy"] == Secret('{"Version":"2012-10-17","Statement":[]}')


def test_default_tags_lie_under_the_resources_own():
    scripted = Scripted(USER, default_tags={"team": "a", "env": "dev"})
    checked = scripted.checked({"tags": {"env": "prod"}})
    assert checked["tagsAll"] == {"team": "a", "env": "prod"}
    assert checked["tags"] == {"env": "prod"}


def test_unknown_and_secret_tags_stay_what_they_are():
    scripted = Scripted(USER)
    assert scripted.checked({"tags": {"a": UNKNOWN}})["tagsAll"] == UNKNOWN
    assert scripted.checked({"tags": {"a": Secret("s")}})["tagsAll"] == Secret({"a": "s"})


def test_unknown_values_pass_every_check():
    assert Scripted(OIDC_PROVIDER).faults({"url": UNKNOWN, "clientIdLists": UNKNOWN}) == []
    inputs = {**FUNCTION_INPUTS, "timeout": UNKNOWN, "environment": {"variables": {"KEY": UNKNOWN}}, "role": UNKNOWN}
    assert Scripted(FUNCTION).faults(inputs) == []


BAD = [
    (QUEUE, {"colour": "red"}, "colour", "'colour' of aws:sqs/queue:Queue is not supported by the local stand-in"),
    (QUEUE, {"delaySecond": 1}, "delaySecond", "did you mean 'delaySeconds'?"),
    (FUNCTION, {**FUNCTION_INPUTS, "vpcConfig": {}}, "vpcConfig", "is not supported by the local stand-in"),
    (
        FUNCTION,
        {**FUNCTION_INPUTS, "loggingConfig": {"logFormat": "JSON", "level": "x"}},
        "loggingConfig.level",
        "is not supported",
    ),
    (FUNCTION, {**FUNCTION_INPUTS, "loggingConfig": {}}, "loggingConfig.logFormat", "is required"),
    (FUNCTION, {**FUNCTION_INPUTS, "runtime": "python9"}, "runtime", "is not one of"),
    (FUNCTION, {**FUNCTION_INPUTS, "timeout": 5401}, "timeout", "above the maximum of 5400"),
    (FUNCTION, {**FUNCTION_INPUTS, "memorySize": 100}, "memorySize", "below the minimum of 128"),
    (FUNCTION, {**FUNCTION_INPUTS, "architectures": ["mips"]}, "architectures", "is not one of arm64, x86_64"),
    (FUNCTION, {**FUNCTION_INPUTS, "role": "r"}, "role", "doesn't match the pattern"),
    (FUNCTION, {**FUNCTION_INPUTS, "packageType": "Image"}, "packageType", "must be one of Zip"),
    (FUNCTION, {**FUNCTION_INPUTS, "environment": {"variables": {"A": "1"}}}, "environment", "key 'A'"),
    (FUNCTION, {"role": FUNCTION_INPUTS["role"]}, "code", "'code' is required"),
    (ROLE, {}, "assumeRolePolicy", "Missing required argument"),
    (ROLE, {"assumeRolePolicy": "{"}, "assumeRolePolicy", "is not valid JSON"),
    (ROLE, {"assumeRolePolicy": TRUST, "maxSessionDuration": 60}, "maxSessionDuration", "below the minimum of 3600"),
    (ROLE, {"assumeRolePolicy": TRUST, "name": "a", "namePrefix": "b"}, "namePrefix", "conflicts with 'name'"),
    (ROLE, {"assumeRolePolicy": TRUST, "name": "a b"}, "name", "doesn't match the pattern"),
    (ROLE, {"assumeRolePolicy": TRUST, "path": "nope"}, "path", "doesn't match the pattern"),
    (USER, {"name": "x" * 65}, "name", "length 65 is above the maximum of 64"),
    (USER, {"tags": "no"}, "tags", "must be a map"),
    (USER, {"forceDestroy": "perhaps"}, "forceDestroy", "must be true or false"),
    (SECRET, {"recoveryWindowInDays": 3}, "recoveryWindowInDays", "must be 0 or between 7 and 30"),
    (SECRET, {"name": "x" * 513}, "name", "above the maximum"),
    (LOGS, {"retentionInDays": 2}, "retentionInDays", "must be one of 0, 1, 3"),
    (LOGS, {"logGroupClass": "COLD"}, "logGroupClass", "is not one of"),
    (RULE, {"description": "no schedule"}, "scheduleExpression", "one of eventPattern and scheduleExpression"),
    (RULE, {"scheduleExpression": "rate(1 hour)", "state": "ON"}, "state", "is not one of"),
    (
        TARGET,
        {"rule": "r", "arn": "a", "input": "{}", "inputPath": "$"},
        "input",
        "conflicts with 'inputPath'",
    ),
    (
        INVOCATION,
        {"functionName": "f", "input": "[]", "lifecycleScope": "CRUD"},
        "input",
        "requires input to be a JSON object",
    ),
    (INVOCATION, {"functionName": "f", "input": "{"}, "input", "not valid JSON"),
    (INVOCATION, {"functionName": "f", "input": "{}", "lifecycleScope": "ONCE"}, "lifecycleScope", "must be one of"),
    (REPOSITORY, {"name": "App"}, "name", "doesn't match the pattern"),
    (REPOSITORY, {"imageTagMutability": "SOMETIMES"}, "imageTagMutability", "is not one of"),
    (OIDC_PROVIDER, {"url": "http://oidc.example", "clientIdLists": []}, "url", "has to use HTTPS scheme"),
    (OIDC_PROVIDER, {"url": "https://oidc.example?a=b", "clientIdLists": []}, "url", "cannot contain query parameters"),
    (OIDC_PROVIDER, {"url": "https://oidc.example"}, "clientIdLists", "Missing required argument"),
    (
        OIDC_PROVIDER,
        {"url": "https://oidc.example", "clientIdLists": [], "thumbprintLists": ["a"]},
        "thumbprintLists",
        "below the minimum of 40",
    ),
    (PODS_ROLE, {"clusterName": "c", "namespace": "n", "serviceAccount": "s"}, "roleArn", "Missing required argument"),
    (QUEUE, {"contentBasedDeduplication": True}, "contentBasedDeduplication", "only be set for FIFO queue"),
    (QUEUE, {"delaySeconds": True}, "delaySeconds", "must be a whole number"),
]


@pytest.mark.parametrize(("token", "inputs", "prop", "reason"), BAD)
def test_a_bad_input_is_refused_by_name(token, inputs, prop, reason):
    faults = Scripted(token).faults(inputs)
    assert [name for name, text in faults if reason in text] == [prop], faults


def test_all_faults_are_told_at_once():
    faults = Scripted(ROLE).faults({"colour": 1, "maxSessionDuration": "long"})
    assert {name for name, _ in faults} == {"colour", "maxSessionDuration", "assumeRolePolicy"}


def test_a_fault_does_not_quote_a_secret():
    for inputs in ({"assumeRolePolicy": Secret("canary{")}, {"assumeRolePolicy": TRUST, "path": Secret("canary")}):
        faults = Scripted(ROLE).faults(inputs)
        assert faults
        assert "canary" not in str(faults)


def test_an_unsupported_type_is_an_error_naming_it():
    with pytest.raises(ProviderError, match="aws:ec2/vpc:Vpc is not supported by the local stand-in"):
        Scripted("aws:ec2/vpc:Vpc").check({})


def test_an_unsupported_function_or_argument_is_an_error_naming_it():
    scripted = Scripted(USER)
    with pytest.raises(ProviderError, match="aws:ec2/getAmi:getAmi is not supported"):
        scripted.provider.invoke("aws:ec2/getAmi:getAmi", {})
    with pytest.raises(ProviderError, match="'colour' of aws:index/getRegion:getRegion is not supported"):
        scripted.provider.invoke("aws:index/getRegion:getRegion", {"colour": "red"})
