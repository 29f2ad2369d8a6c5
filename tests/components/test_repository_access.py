import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from components import aws_reads, repository_policies
from components.aws_reads import Access, Denied, Finding, Missing, Unanswered
from components.repository_access import RepositoryAccess, RepositoryAccessArgs
from components.repository_policies import (
    EcrRepositoryPolicies,
    Repository,
    check_repositories,
    principal_arn,
    pull_statement,
    statement_id,
)
from tests.components.recording import ACCOUNT, Recorder, record

OWNER = "222222222222"
APP = f"arn:aws:ecr:eu-central-1:{OWNER}:repository/team-a/app"
WEB = f"arn:aws:ecr:us-east-1:{OWNER}:repository/web"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/nodes/workers"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SID = "EverpullDev"
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


@pytest.fixture
def recorder() -> Recorder:
    return record()


def access(**more: Any) -> RepositoryAccess:
    args: dict[str, Any] = {"repository_arns": [APP, WEB], "principals": [ACCOUNT], "sid": SID, **more}
    return RepositoryAccess("everpull-dev-access", RepositoryAccessArgs(**args))


def settled(made: RepositoryAccess) -> pulumi.Output[Any]:
    return pulumi.Output.all(made.repositories, made.identity_policy)


@pulumi.runtime.test
def test_each_repository_gets_one_statement_in_its_own_region(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        made = {item.inputs["repository"]: item for item in recorder.all("RepositoryPolicy")}
        assert {name: item.inputs["region"] for name, item in made.items()} == {
            "team-a/app": "eu-central-1",
            "web": "us-east-1",
        }
        for item in made.values():
            assert json.loads(item.inputs["policy"])["Statement"] == [
                {"Sid": SID, "Effect": "Allow", "Principal": {"AWS": [ROOT]}, "Action": PULL}
            ]

    return settled(access()).apply(check)


@pulumi.runtime.test
def test_principals_may_be_told_later_and_each_counts_once(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        (statement,) = json.loads(recorder.one("RepositoryPolicy").inputs["policy"])["Statement"]
        assert statement["Principal"] == {"AWS": [ROLE, ROOT]}

    principals = [pulumi.Output.from_input(ROLE), ACCOUNT, ROOT]
    return settled(access(repository_arns=[APP], principals=principals)).apply(check)


@pulumi.runtime.test
def test_the_other_side_is_told_as_a_policy_for_the_puller(recorder: Recorder) -> Any:
    def check(values: list[Any]) -> None:
        arns, text = values
        assert arns == [APP, WEB]
        statements = {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}
        assert (statements["FetchLogin"]["Action"], statements["FetchLogin"]["Resource"]) == (
            ["ecr:GetAuthorizationToken"],
            ["*"],
        )
        assert (statements["PullWithIt"]["Action"], statements["PullWithIt"]["Resource"]) == (PULL, [APP, WEB])
        assert not any("Principal" in statement for statement in statements.values())

    return settled(access()).apply(check)


@pulumi.runtime.test
def test_repositories_that_differ_in_a_slash_or_a_region_are_apart(recorder: Recorder) -> Any:
    arns = [
        f"arn:aws:ecr:{region}:{OWNER}:repository/{name}" for region in ("a-b-1", "c-d-1") for name in ("x/y", "x-y")
    ]

    def check(_: Any) -> None:
        names = [item.name for item in recorder.all("RepositoryPolicy")]
        assert len(names) == len(set(names)) == 4

    return settled(access(repository_arns=[*arns, arns[0]])).apply(check)


@pulumi.runtime.test
def test_the_provider_of_the_other_account_is_handed_to_every_policy(recorder: Recorder) -> Any:
    providers: list[str] = []
    register = recorder.new_resource

    def new_resource(args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ.endswith("RepositoryPolicy"):
            providers.append(args.provider)
        return register(args)

    recorder.new_resource = new_resource  # type: ignore[method-assign]
    theirs = aws.Provider("theirs", region="eu-central-1")
    args = RepositoryAccessArgs(repository_arns=[APP], principals=[ACCOUNT], sid=SID)
    made = RepositoryAccess("x", args, pulumi.ResourceOptions(providers=[theirs]))

    def check(_: Any) -> None:
        assert len(providers) == 1
        assert "::theirs::" in providers[0]

    return settled(made).apply(check)


@pytest.mark.parametrize(
    ("principal", "arn"),
    [
        (ACCOUNT, ROOT),
        (ROOT, ROOT),
        (ROLE, ROLE),
        (f"arn:aws:iam::{ACCOUNT}:user/ci", f"arn:aws:iam::{ACCOUNT}:user/ci"),
    ],
)
def test_a_principal_is_an_account_a_role_or_a_user(principal: str, arn: str) -> None:
    assert principal_arn("aws", principal) == arn


def test_an_account_is_named_in_the_repositorys_partition() -> None:
    assert principal_arn("aws-cn", ACCOUNT) == f"arn:aws-cn:iam::{ACCOUNT}:root"


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        "12345",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/workers/i-1",
        f"arn:aws:iam::{ACCOUNT}:group/team",
        f"arn:aws-cn:iam::{ACCOUNT}:root",
        "ec2.amazonaws.com",
    ],
)
def test_anybody_else_is_refused(principal: str) -> None:
    with pytest.raises(ValueError, match=r"names no account, role or user|is of partition aws-cn"):
        principal_arn("aws", principal)


def test_nobody_is_no_principal() -> None:
    with pytest.raises(ValueError, match="nobody is let in"):
        pull_statement(SID, "aws", [])


def test_every_stack_has_a_statement_of_its_own() -> None:
    owners = ["everpull-dev", "everpull-de-v", "everpull-dev-1", "everpull-dev1"]
    sids = [statement_id(owner) for owner in owners]
    assert len(set(sids)) == len(owners)
    assert all(sid.isalnum() and sid.startswith("EverpullDe") for sid in sids)
    assert statement_id("everpull-dev") == sids[0]


@dataclass
class FakePolicies:
    """Repositories by name with their policy's text; an exception in place of one is raised."""

    texts: dict[str, Any] = field(default_factory=lambda: {"team-a/app": None, "web": None})

    def policy(self, repository: Repository) -> str | None:
        found = self.texts.get(repository.name, Missing())
        if isinstance(found, Exception):
            raise found
        return found


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


OURS = pull_statement(SID, "aws", [ACCOUNT])
LAMBDAS = {
    "Sid": "LambdaECRImageRetrievalPolicy",
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}


def check(texts: dict[str, Any], arns: list[str] | None = None, principals: list[str] | None = None) -> list[Finding]:
    return check_repositories(arns or [APP], SID, principals or [ACCOUNT], FakePolicies(texts))


@pytest.mark.parametrize(
    "present",
    [
        None,
        policy(OURS),
        policy({**OURS, "Principal": {"AWS": "arn:aws:iam::333333333333:root"}}),
        policy(OURS, {**OURS, "Effect": "Deny"}),
        json.dumps({"Statement": OURS}),
        policy(),
    ],
    ids=["none", "ours", "ours of before", "two of ours", "a lone statement", "no statement"],
)
def test_a_policy_that_is_not_there_or_ours_alone_is_ours_to_write(present: str | None) -> None:
    assert check({"team-a/app": present}) == []


@pytest.mark.parametrize(
    ("present", "who"),
    [
        (policy(LAMBDAS), "LambdaECRImageRetrievalPolicy"),
        (policy({**OURS, "Sid": statement_id("everpull-prod")}), statement_id("everpull-prod")),
        (policy({key: value for key, value in OURS.items() if key != "Sid"}, LAMBDAS), "one without a Sid, Lambda"),
        ("not JSON", "not readable"),
        ("[]", "not readable"),
        (json.dumps({"Statement": ["x"]}), "not readable"),
    ],
    ids=["a service", "another stack", "without a Sid", "no JSON", "no policy", "no statements"],
)
def test_somebody_elses_statement_is_never_replaced_and_ours_is_printed_to_add(present: str, who: str) -> None:
    (finding,) = check({"team-a/app": present})
    assert (finding.about, finding.name) == ("repository", APP)
    assert f"has a policy with statements that everpull did not make ({who}" in finding.problem
    way, _, printed = finding.example.partition("by hand: ")
    assert way == "leave team-a/app out, and add this statement to its policy "
    assert json.loads(printed) == OURS


def test_a_statement_of_ours_that_others_joined_is_told_how_to_be_left_without_losing_theirs() -> None:
    (finding,) = check({"team-a/app": policy({**OURS, "Principal": {"AWS": ROOT}}, LAMBDAS)})
    assert finding.example.startswith("leave team-a/app out: its statement is there already.")
    assert "pulumi state delete URN" in finding.example


def test_a_statement_of_ours_among_others_that_no_longer_says_what_it_should_is_printed_anew() -> None:
    (finding,) = check({"team-a/app": policy({**OURS, "Action": PULL[:1]}, LAMBDAS)})
    _, _, rest = finding.example.partition("change its statement there to ")
    assert json.JSONDecoder().raw_decode(rest)[0] == OURS


def test_all_repositories_are_told_at_once() -> None:
    found = check({"team-a/app": policy(LAMBDAS), "web": Missing()}, [APP, WEB])
    assert [(finding.name, finding.problem[:30]) for finding in found] == [
        (APP, "has a policy with statements t"),
        (WEB, "does not exist in account 2222"),
    ]
    assert found[1].example == "aws ecr create-repository --region us-east-1 --repository-name web"


def test_what_names_no_repository_and_no_principal_is_told_at_once_and_nothing_is_asked() -> None:
    class Unasked:
        def policy(self, repository: Repository) -> str | None:
            raise AssertionError

    bad = [f"arn:aws:ecr:eu-central-1:{OWNER}:repository/team-a/*", "team-a/app"]
    found = check_repositories([*bad, APP], SID, ["*", ACCOUNT, "x"], Unasked())
    assert [(finding.about, finding.name) for finding in found] == [
        ("repository", bad[0]),
        ("repository", bad[1]),
        ("principal", "*"),
        ("principal", "x"),
    ]


def test_a_policy_longer_than_ecr_takes_is_refused() -> None:
    roles = [f"arn:aws:iam::{ACCOUNT}:role/a-role-with-quite-a-long-name-{number}" for number in range(150)]
    (finding,) = check({"team-a/app": None}, principals=roles)
    assert "ECR takes 10240" in finding.problem


@pytest.mark.parametrize("reason", [Denied("ecr:GetRepositoryPolicy"), Unanswered("sts:AssumeRole on r: Throttling")])
def test_a_policy_that_may_not_be_read_is_a_warning_at_preview_and_a_finding_at_up(
    monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert check({"team-a/app": reason}) == []
    assert len(warnings) == 1
    assert str(reason) in warnings[0]
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    (finding,) = check({"team-a/app": reason})
    assert f"that was not possible: {reason}" in finding.problem
    assert len(warnings) == 1


@dataclass
class FakeEcr:
    """boto3's ECR client, of one account and region."""

    answer: Callable[[], dict[str, Any]]
    asked: list[dict[str, str]] = field(default_factory=list)

    def get_repository_policy(self, **request: str) -> dict[str, Any]:
        self.asked.append(request)
        return self.answer()


def refusing(code: str) -> Callable[[], dict[str, Any]]:
    def refuse() -> dict[str, Any]:
        raise ClientError({"Error": {"Code": code, "Message": "canary-secret"}}, "GetRepositoryPolicy")

    return refuse


def reading(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], dict[str, Any]]) -> tuple[FakeEcr, list[Access]]:
    ecr, accesses = FakeEcr(answer), []

    def client(access: Access, service: str) -> FakeEcr:
        assert service == "ecr"
        accesses.append(access)
        return ecr

    monkeypatch.setattr(repository_policies, "client", client)
    return ecr, accesses


def test_a_policy_is_read_by_account_and_region_as_the_role_that_will_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ecr, accesses = reading(monkeypatch, lambda: {"policyText": "text"})
    policies = EcrRepositoryPolicies(profile="p", role_arn="r")
    for region in ("eu-central-1", "us-east-1", "eu-central-1"):
        assert policies.policy(Repository("aws", region, OWNER, "web")) == "text"
    assert ecr.asked == [{"registryId": OWNER, "repositoryName": "web"}] * 3
    assert accesses == [Access("eu-central-1", "p", "r"), Access("us-east-1", "p", "r")]


@pytest.mark.parametrize(
    ("code", "raised", "text"),
    [
        ("RepositoryNotFoundException", Missing, "RepositoryNotFoundException"),
        ("AccessDeniedException", Denied, "ecr:GetRepositoryPolicy"),
        ("ThrottlingException", Unanswered, "ecr:GetRepositoryPolicy: ThrottlingException"),
    ],
)
def test_a_refused_look_is_told_by_its_kind_and_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, code: str, raised: type[Exception], text: str
) -> None:
    reading(monkeypatch, refusing(code))
    with pytest.raises(raised) as caught:
        EcrRepositoryPolicies().policy(Repository("aws", "eu-central-1", OWNER, "web"))
    assert str(caught.value) == text


def test_a_repository_without_a_policy_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, refusing("RepositoryPolicyNotFoundException"))
    assert EcrRepositoryPolicies().policy(Repository("aws", "eu-central-1", OWNER, "web")) is None


def test_missing_credentials_are_told_without_what_botocore_says() -> None:
    def fail() -> None:
        raise NoCredentialsError

    with pytest.raises(Unanswered, match=r"^ecr:GetRepositoryPolicy: NoCredentialsError$"):
        aws_reads.read("ecr:GetRepositoryPolicy", fail)
