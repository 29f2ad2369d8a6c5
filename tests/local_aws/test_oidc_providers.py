"""IAM's OpenID Connect providers: what IAM takes, and what it tells of them."""

from typing import Any

import pytest

from tests.local_aws.platform import ACCOUNT, Stand, allow, refused

THUMBPRINT = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"


@pytest.fixture
def iam(stand: Stand) -> Any:
    return stand.client("iam")


@pytest.fixture
def url(name: str) -> str:
    return f"https://oidc.eks.eu-central-1.amazonaws.com/id/{name.upper()}"


@pytest.fixture
def arn(iam: Any, url: str) -> str:
    made = iam.create_open_id_connect_provider(
        Url=url,
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=[THUMBPRINT.upper()],
        Tags=[{"Key": "team", "Value": "a&b"}],
    )
    return made["OpenIDConnectProviderArn"]


def test_a_provider_is_told_by_its_url_without_the_scheme(iam: Any, arn: str, url: str) -> None:
    prefix = url.removeprefix("https://")
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{prefix}"
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"]) == (prefix, ["sts.amazonaws.com"])
    assert found["ThumbprintList"] == [THUMBPRINT]
    assert found["Tags"] == [{"Key": "team", "Value": "a&b"}]
    assert {"Arn": arn} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]


def test_a_provider_without_a_thumbprint_gets_one(iam: Any, url: str) -> None:
    arn = iam.create_open_id_connect_provider(Url=url)["OpenIDConnectProviderArn"]
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert [len(thumbprint) for thumbprint in found["ThumbprintList"]] == [40]


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("http://oidc.example", "InvalidInput", "URL. The URL must begin with https://."),
        ("oidc.example", "ValidationError", "Invalid Open ID Connect Provider URL"),
        ("https://", "ValidationError", "Invalid Open ID Connect Provider URL"),
        ("https://127.0.0.1:4566/oidc/id/1", "InvalidInput", "Invalid Open ID Connect Provider URL."),
        ("https://me@oidc.example", "InvalidInput", "Invalid Open ID Connect Provider URL."),
        ("https://oidc.example?a=b", "InvalidInput", "Invalid Open ID Connect Provider URL."),
        ("https://oidc.example#a", "InvalidInput", "Invalid Open ID Connect Provider URL."),
        ("https://exa_mple.com", "InvalidInput", "Invalid Open ID Connect Provider URL."),
        (f"https://{'a' * 250}.com", "InvalidInput", "Invalid Open ID Connect Provider URL."),
    ],
)
def test_an_issuer_that_is_no_https_url_is_refused(iam: Any, url: str, code: str, said: str) -> None:
    with refused(code, said):
        iam.create_open_id_connect_provider(Url=url)


def test_an_issuer_is_known_once(iam: Any, arn: str, url: str) -> None:
    with refused("EntityAlreadyExists", f"Provider with url {url} already exists."):
        iam.create_open_id_connect_provider(Url=url)


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"ThumbprintList": ["a" * 41]}, "InvalidInput", "Thumbprint must be exactly 40 characters."),
        ({"ThumbprintList": [THUMBPRINT] * 6}, "InvalidInput", "must contain fewer than 5 entries"),
        ({"ClientIDList": [f"c{n}" for n in range(101)]}, "LimitExceeded", "ClientIdsPerOpenIdConnectProvider: 100"),
        (
            {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]},
            "InvalidInput",
            "Duplicate tag keys found",
        ),
    ],
)
def test_what_iam_does_not_take_is_refused(iam: Any, url: str, given: dict[str, Any], code: str, said: str) -> None:
    with refused(code, said):
        iam.create_open_id_connect_provider(Url=url, **given)


def test_audiences_come_and_go(iam: Any, arn: str) -> None:
    def audiences() -> list[str]:
        return iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]

    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="more")
    assert audiences() == ["sts.amazonaws.com", "more"]
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    assert audiences() == ["more"]


def test_thumbprints_are_changed_but_not_taken_away(iam: Any, arn: str) -> None:
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ThumbprintList"] == ["b" * 40]
    with refused("InvalidInput"):
        iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=[])


def test_tags_are_set_and_taken_off(iam: Any, arn: str) -> None:
    tags = [{"Key": "Team", "Value": "c"}, {"Key": "more", "Value": "1"}]
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=tags)
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == tags
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["team"])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Tags"] == tags[1:]


def test_what_is_gone_is_not_found(iam: Any, arn: str) -> None:
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused("NoSuchEntity"):
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_rights_may_be_given_on_one_provider(stand: Stand, arn: str, url: str, name: str) -> None:
    rights = allow("iam:GetOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider", resource=arn)
    may = stand.client("iam", stand.user(name, rights))
    assert may.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Url"]
    with refused("EntityAlreadyExists"):
        may.create_open_id_connect_provider(Url=url)
    with refused("AccessDenied"):
        may.get_open_id_connect_provider(OpenIDConnectProviderArn=f"{arn}-2")
    with refused("AccessDenied"):
        may.create_open_id_connect_provider(Url=f"{url}-2")
