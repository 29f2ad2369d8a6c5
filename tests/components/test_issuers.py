"""Issuers as IAM knows them: what keeps a role from trusting one, and IAM from being told of one."""

import pytest

from components import issuers
from components.aws_reads import Denied, Finding, Missing, Unanswered
from components.issuers import IamIssuers, KnownIssuer, check_known, check_unknown, provider_arn
from tests.components.aws_answers import REFUSALS, Client, answering, warnings

ISSUER = "https://oidc.example.com/a"
ARN = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/a"
OWNER = "everpull-dev"
STS = "sts.amazonaws.com"
OURS = {"everpull:owner": OWNER}
MAKE = "pulumi config set everpull:createOidcProvider true"
DENIED = [Denied("iam:GetOpenIDConnectProvider"), Unanswered("a session: ProfileNotFound")]


class Iam:
    def __init__(self, answer: KnownIssuer | Exception) -> None:
        self._answer = answer

    def known(self, arn: str) -> KnownIssuer:
        assert arn == ARN
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def known(*audiences: str, **tags: str) -> KnownIssuer:
    return KnownIssuer(audiences, {key.replace("_", ":"): value for key, value in tags.items()})


def test_an_arn_has_the_issuer_without_its_scheme() -> None:
    assert provider_arn("aws", "123456789012", ISSUER) == ARN
    assert provider_arn("aws-cn", "1", "https://a") == "arn:aws-cn:iam::1:oidc-provider/a"


@pytest.mark.parametrize(
    "found", [known(STS), known("other", STS), known(STS, team="a", everpull_owner="everpull-prod")], ids=str
)
def test_an_issuer_that_somebody_else_made_known_for_sts_is_trusted(found: KnownIssuer) -> None:
    assert check_known(ISSUER, ARN, OWNER, Iam(found)) is None


def test_an_issuer_that_iam_does_not_know_is_a_finding_with_the_fix() -> None:
    assert check_known(ISSUER, ARN, OWNER, Iam(Missing("NoSuchEntity"))) == Finding(
        "provider",
        "false",
        f"leaves it to others to tell IAM of the issuer {ISSUER}, and IAM does not know it, so no role could trust it",
        "true, or an issuer that IAM knows",
        MAKE,
    )


@pytest.mark.parametrize("audiences", [(), ("sts.amazonaws.com.cn",), ("other",)])
def test_an_issuer_that_iam_knows_for_others_alone_is_a_finding(audiences: tuple[str, ...]) -> None:
    found = check_known(ISSUER, ARN, OWNER, Iam(known(*audiences)))
    assert found
    assert (found.about, found.name) == ("provider", "false")
    assert (
        found.problem == f"finds the issuer {ISSUER} in IAM, but not for the audience {STS}, so no token would be taken"
    )
    assert found.example == (
        f"aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {ARN} --client-id {STS}"
    )


def test_an_issuer_that_this_stack_made_known_is_not_left_to_others() -> None:
    """The engine would delete it, and the role would trust nobody."""
    assert check_known(ISSUER, ARN, OWNER, Iam(KnownIssuer((STS,), OURS))) == Finding(
        "provider",
        "false",
        f"would take the issuer {ISSUER} out of IAM, because this stack made it known, and the role would trust nobody",
        "true, as it was; or that IAM keeps it without this stack (docs/identities.md)",
        MAKE,
    )


@pytest.mark.parametrize("reason", DENIED)
def test_what_can_not_be_looked_at_is_a_warning(monkeypatch: pytest.MonkeyPatch, reason: Exception) -> None:
    said = warnings(monkeypatch)
    assert check_known(ISSUER, ARN, OWNER, Iam(reason)) is None
    assert check_unknown(ISSUER, ARN, OWNER, Iam(reason)) is None
    assert said == [
        f"whether IAM knows the issuer {ISSUER} was not checked: {reason} was not possible",
        f"whether IAM knows the issuer {ISSUER} already was not checked: {reason} was not possible",
    ]


def test_an_issuer_that_iam_does_not_know_may_be_made_known() -> None:
    assert check_unknown(ISSUER, ARN, OWNER, Iam(Missing("NoSuchEntity"))) is None


def test_an_issuer_that_somebody_else_made_known_is_used_as_it_is() -> None:
    assert check_unknown(ISSUER, ARN, OWNER, Iam(known(STS))) == Finding(
        "provider",
        "true",
        f"would tell IAM of the issuer {ISSUER}, which it knows already",
        "false, which uses what IAM knows",
        "pulumi config rm everpull:createOidcProvider",
    )


def test_an_issuer_that_a_run_left_which_was_cut_off_is_told_apart() -> None:
    found = check_unknown(ISSUER, ARN, OWNER, Iam(KnownIssuer((STS,), OURS)))
    assert found
    assert found.problem.endswith("which it knows already from a run of this stack that was cut off")
    assert found.example == (
        f"aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {ARN}   (then pulumi up again)"
    )


REQUEST = {"OpenIDConnectProviderArn": ARN}


def test_issuers_are_read_as_who_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"Url": "oidc.example.com/a", "ClientIDList": [STS, "b"], "Tags": [{"Key": "team", "Value": "a"}]}
    client = Client("get_open_id_connect_provider", REQUEST, answer)
    iam = IamIssuers(answering(monkeypatch, issuers, "iam", client))
    assert iam.known(ARN) == KnownIssuer((STS, "b"), {"team": "a"})
    bare = Client("get_open_id_connect_provider", REQUEST, {"ClientIDList": []})
    assert IamIssuers(answering(monkeypatch, issuers, "iam", bare)).known(ARN) == KnownIssuer((), {})


@pytest.mark.parametrize(("code", "raised", "text"), REFUSALS)
def test_a_refused_look_is_told_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, code: str, raised: type[Exception], text: str
) -> None:
    client = Client("get_open_id_connect_provider", REQUEST, {}, code)
    iam = IamIssuers(answering(monkeypatch, issuers, "iam", client))
    with pytest.raises(raised, match=f"^{text.format('iam:GetOpenIDConnectProvider')}$"):
        iam.known(ARN)
