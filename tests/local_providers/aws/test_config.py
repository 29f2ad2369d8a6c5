"""The provider's configuration: what it honours, what it refuses, and that it never leaves this machine."""

import json
import threading

import boto3
import pytest

from local.providers.aws.config import open_session, tag_settings
from local.providers.aws.provider import AwsProvider
from local.providers.aws.session import Api, require_loopback, service_endpoints
from local.providers.common.provider import CheckRequest, ProviderError, Subject
from local.providers.common.values import Secret

ON = Subject("urn:pulumi:dev::p::pulumi:providers:aws::default", "pulumi:providers:aws", "default")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def _open(**config):
    given = {"skipCredentialsValidation": "true", "accessKey": "AKIATESTTESTTESTTEST", "secretKey": "none", **config}
    return open_session(given, threading.Event())


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://localhost:1", "http://127.9.9.9", "http://[::1]:5"])
def test_this_machine_is_an_address_it_talks_to(url: str):
    require_loopback(url)


@pytest.mark.parametrize(
    "url", ["https://iam.amazonaws.com", "http://10.0.0.1", "http://192.168.1.1:1", "http://127.0.0.1.evil.com"]
)
def test_any_other_is_refused(url: str):
    with pytest.raises(ProviderError, match="only talks to an AWS emulator on this machine"):
        require_loopback(url)


def test_without_an_endpoint_no_request_leaves_the_machine():
    with pytest.raises(ProviderError, match="only talks to an AWS emulator on this machine"):
        Api(_open(region="eu-central-1"), "iam", "eu-central-1").call("get_user")


def test_the_region_comes_from_configuration_then_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert _open().settings.region == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert _open().settings.region == "eu-west-2"
    assert _open(region="eu-west-1").settings.region == "eu-west-1"


def test_a_missing_region_is_an_error_that_says_how_to_set_it():
    with pytest.raises(ProviderError, match="Missing region configuration"):
        _open()


def test_endpoints_are_taken_by_any_of_their_names():
    block = [
        {"iam": "http://127.0.0.1:1", "cloudwatchlogs": "http://127.0.0.1:2"},
        {"eventbridge": "http://127.0.0.1:3"},
    ]
    expected = {"iam": "http://127.0.0.1:1", "logs": "http://127.0.0.1:2", "events": "http://127.0.0.1:3"}
    assert service_endpoints(block) == expected
    session = _open(region="eu-west-1", endpoints=json.dumps(block))
    assert session.client("iam", "eu-west-1").meta.endpoint_url == "http://127.0.0.1:1"


def test_default_tags_come_as_json_text_or_as_an_object():
    assert tag_settings({"defaultTags": '{"tags":{"a":"1"}}'}) == {"a": "1"}
    assert tag_settings({"defaultTags": {"tags": {"a": "1"}}}) == {"a": "1"}
    assert tag_settings({}) == {}


def test_a_setting_it_does_not_honour_is_refused_with_the_nearest_one():
    inputs = {"acessKey": "x", "httpProxy": "http://p", "region": "eu-west-1", "profile": None}
    failures = dict(AwsProvider().check_config(CheckRequest(ON, {}, inputs)).failures)
    assert set(failures) == {"acessKey", "httpProxy"}
    assert "did you mean 'accessKey'?" in failures["acessKey"]


def test_a_block_that_is_no_json_is_refused():
    failures = AwsProvider().check_config(CheckRequest(ON, {}, {"defaultTags": Secret("{")})).failures
    assert failures == [("defaultTags", "defaultTags is not valid JSON")]


def test_an_unsupported_part_of_assume_roles_is_named():
    with pytest.raises(ProviderError, match=r"assumeRoles\.duration is not supported"):
        _open(region="eu-west-1", assumeRoles=[{"role_arn": "arn", "duration": "1h"}])


@pytest.mark.parametrize(
    "role",
    [
        {"roleArn": "arn:aws:iam::222222222222:role/x", "sessionName": "s", "externalId": "e", "policy": "{}"},
        {"role_arn": "arn:aws:iam::222222222222:role/x", "session_name": "s", "external_id": "e", "policy": "{}"},
    ],
    ids=["wire", "python"],
)
def test_a_role_is_assumed_by_either_spelling_and_the_session_acts(monkeypatch: pytest.MonkeyPatch, role):
    sent = []

    def call(api: Api, op: str, **params):
        sent.append((api.service, op, params))
        return {"Credentials": {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t"}}

    monkeypatch.setattr(Api, "call", call)
    session = _open(region="eu-west-1", assumeRoles=json.dumps([role]), endpoints='[{"sts":"http://127.0.0.1:9"}]')
    expected = {
        "RoleArn": role.get("roleArn") or role["role_arn"],
        "RoleSessionName": "s",
        "ExternalId": "e",
        "Policy": "{}",
    }
    assert sent == [("sts", "assume_role", expected)]
    assert session.client("sts", "eu-west-1")._request_signer._credentials.token == "t"


def test_secret_settings_reach_the_client_and_no_error_text():
    provider = AwsProvider()
    config = {
        "region": "eu-west-1",
        "accessKey": "AKIATESTTESTTESTTEST",
        "secretKey": Secret("canary"),
        "endpoints": '[{"sts":"http://127.0.0.1:9"}]',
    }
    with pytest.raises(ProviderError) as caught:
        provider.configure(config)
    assert "unable to validate AWS credentials" in str(caught.value)
    assert "canary" not in str(caught.value)
    provider.configure({**config, "skipCredentialsValidation": True})
    client = provider.session.client("sts", "eu-west-1")
    assert client._request_signer._credentials.secret_key == "canary"


def test_a_use_before_configuration_is_an_error():
    with pytest.raises(ProviderError, match="before it was configured"):
        AwsProvider().invoke("aws:index/getCallerIdentity:getCallerIdentity", {})


def test_a_profile_that_does_not_exist_is_an_error():
    with pytest.raises(ProviderError, match="unable to load the AWS configuration"):
        open_session({"profile": "nobody", "region": "eu-west-1"}, threading.Event())
    assert boto3.Session(region_name="eu-west-1").region_name == "eu-west-1"
