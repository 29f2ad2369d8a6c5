"""What a repository's policy says, what everpull would have it say, and whether the one may take the other's place."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import pulumi

from .aws_reads import Access, Denied, Finding, Missing, Unanswered, client, read
from .policy import PULL_ACTIONS, document

# Amazon ECR API Reference, SetRepositoryPolicy.
REPOSITORY_POLICY_CHARACTERS = 10240

_REPOSITORY = re.compile(r"arn:(aws[a-z-]*):ecr:([a-z0-9-]+):(\d{12}):repository/([a-z0-9][a-z0-9._/-]*)")
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL = re.compile(r"arn:(aws[a-z-]*):iam::\d{12}:(?:root|(?:role|user)/[\w+=,.@/-]+)")
_EXAMPLE_ARN = "arn:aws:ecr:eu-central-1:123456789012:repository/team-a/app"
_PRINCIPALS_ALLOWED = "12-digit account numbers, and ARNs of accounts (...:root), roles and users, without patterns"

_Statements = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Repository:
    """The parts of a repository's ARN."""

    partition: str
    region: str
    account: str
    name: str


def parse_repository(arn: str) -> Repository:
    """The repository with that ARN. Raises ValueError for anything else, a pattern included."""
    match = _REPOSITORY.fullmatch(arn)
    if not match:
        raise ValueError(f"{arn!r} is not the ARN of one ECR repository")
    return Repository(*match.groups())


def statement_id(owner: str) -> str:
    """The Sid of a stack's statement: letters and digits, and another one for every other `owner`.

    The end of a hash, because `team-a1` and `team-a-1` have the same letters.
    """
    words = "".join(part.capitalize() for part in re.findall("[A-Za-z0-9]+", owner))
    return f"{words}{hashlib.sha256(owner.encode()).hexdigest()[:8]}"


def principal_arn(partition: str, principal: str) -> str:
    """A principal as the policy names it: an account by its root's ARN, as AWS itself stores it. Raises ValueError.

    Sessions and `*` are refused: a session's name is whoever assumes the role's to choose, and `*` opens the repository to
    every account there is.
    """
    if _ACCOUNT.fullmatch(principal):
        return f"arn:{partition}:iam::{principal}:root"
    match = _PRINCIPAL.fullmatch(principal)
    if not match:
        raise ValueError(f"{principal!r} names no account, role or user that could be let in")
    if match[1] != partition:
        raise ValueError(f"{principal!r} is of partition {match[1]}, and the repository of {partition}")
    return principal


def pull_statement(sid: str, partition: str, principals: Iterable[str]) -> dict[str, object]:
    """The one statement of a stack in a repository's policy. Raises ValueError for a principal that can't be let in."""
    arns = sorted({principal_arn(partition, principal) for principal in principals})
    if not arns:
        raise ValueError("nobody is let in: at least one principal is needed")
    return {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": arns}, "Action": list(PULL_ACTIONS)}


class RepositoryPolicies(Protocol):
    """The little of ECR that the check needs."""

    def policy(self, repository: Repository) -> str | None:
        """The policy's text, None where there is none. Raises Missing, Denied, Unanswered."""
        ...


def check_repositories(
    repository_arns: Sequence[str], sid: str, principals: Sequence[str], policies: RepositoryPolicies
) -> list[Finding]:
    """Every repository whose policy RepositoryAccess must not, or could not, write.

    A policy that holds nothing but the stack's own statement, in whatever form, is the stack's to write. One that can't be read
    is a finding at `up`; at preview, where somebody may look on who has no rights, it is a warning.
    """
    findings: list[Finding] = []
    repositories: dict[str, Repository] = {}
    for arn in repository_arns:
        try:
            repositories[arn] = parse_repository(arn)
        except ValueError as error:
            findings.append(Finding("repository", arn, str(error), "ARNs of single repositories", _EXAMPLE_ARN))
    # One provider acts on all of them, so they are of one partition.
    partition = next((repository.partition for repository in repositories.values()), "aws")
    for principal in principals:
        try:
            principal_arn(partition, principal)
        except ValueError as error:
            findings.append(Finding("principal", principal, str(error), _PRINCIPALS_ALLOWED, "123456789012"))
    if findings:
        return findings
    for arn, repository in repositories.items():
        wanted = pull_statement(sid, repository.partition, principals)
        findings += _long(arn, wanted) or _taken(arn, repository, wanted, policies)
    return findings


def _long(arn: str, wanted: Mapping[str, object]) -> list[Finding]:
    length = len(document(wanted))
    if length <= REPOSITORY_POLICY_CHARACTERS:
        return []
    problem = f"would get a policy of {length} characters, and ECR takes {REPOSITORY_POLICY_CHARACTERS}"
    return [Finding("repository", arn, problem, "accounts instead of their roles and users", "123456789012")]


def _taken(
    arn: str, repository: Repository, wanted: Mapping[str, object], policies: RepositoryPolicies
) -> list[Finding]:
    try:
        text = policies.policy(repository)
    except Missing:
        problem = f"does not exist in account {repository.account}, region {repository.region}"
        command = f"aws ecr create-repository --region {repository.region} --repository-name {repository.name}"
        return [Finding("repository", arn, problem, "repositories that exist", command)]
    except (Denied, Unanswered) as reason:
        problem = f"can't be opened without a look at its present policy, and that was not possible: {reason}"
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(f"{arn} {problem}")
            return []
        return [Finding("repository", arn, problem, "credentials that may look", f"allow {reason}")]
    if text is None:
        return []
    statements = _statements(text)
    if statements is not None and all(_sid(found) == wanted["Sid"] for found in statements):
        return []
    return [_somebody_elses(arn, repository, wanted, statements)]


def _somebody_elses(
    arn: str, repository: Repository, wanted: Mapping[str, object], statements: _Statements | None
) -> Finding:
    others = [_sid(found) or "one without a Sid" for found in statements or () if _sid(found) != wanted["Sid"]]
    problem = (
        f"has a policy with statements that everpull did not make ({', '.join(others) or 'not readable'}); ECR keeps one "
        "policy a repository, so they would be replaced"
    )
    ours = [found for found in statements or () if _sid(found) == wanted["Sid"]]
    if not ours:
        way = f"leave {repository.name} out, and add this statement to its policy by hand: {json.dumps(wanted)}"
    else:
        # Its own statement is among them: this stack wrote the policy once, or a person followed the way above.
        done = _meaning(ours[0]) == _meaning(wanted)
        change = "its statement is there already" if done else f"change its statement there to {json.dumps(wanted)}"
        way = (
            f"leave {repository.name} out: {change}. If it is among `pulumi stack --show-urns`, take it out of the state first "
            "(pulumi state delete URN), or leaving it out deletes the whole policy"
        )
    return Finding("repository", arn, problem, "repositories without a policy, or with everpull's statement alone", way)


def _statements(text: str) -> _Statements | None:
    """The statements of a policy; None where it is none that can be understood."""
    try:
        found: object = json.loads(text)
    except ValueError:
        return None
    listed = cast(Mapping[str, object], found).get("Statement") if isinstance(found, dict) else None
    many = cast(list[object], [listed] if isinstance(listed, dict) else listed)
    if not isinstance(listed, dict | list) or not all(isinstance(item, dict) for item in many):
        return None
    return cast(_Statements, many)


def _sid(statement: Mapping[str, object]) -> str:
    return str(statement.get("Sid", ""))


def _meaning(statement: Mapping[str, object]) -> object:
    """A statement with lists in any order, and a lone string for a list of one."""

    def canonical(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: canonical(item) for key, item in cast(Mapping[str, object], value).items()}
        return sorted(map(str, cast(list[object], value))) if isinstance(value, list) else [str(value)]

    return canonical(statement)


class _Ecr(Protocol):
    """What is used of boto3's ECR client."""

    def get_repository_policy(
        self,
        *,
        registryId: str,  # noqa: N803 - boto3's names
        repositoryName: str,  # noqa: N803
    ) -> Mapping[str, object]: ...


class EcrRepositoryPolicies:
    """RepositoryPolicies on ECR, by boto3: pulumi-aws 7.51 has no function that reads a repository's policy.

    `profile` and `role_arn` must be those of the provider that will write. Each region is asked by a client of its own.
    """

    def __init__(self, profile: str | None = None, role_arn: str | None = None) -> None:
        self._profile, self._role_arn = profile, role_arn
        self._clients: dict[str, _Ecr] = {}

    def policy(self, repository: Repository) -> str | None:
        """The policy's text, None where there is none. Raises Missing, Denied, Unanswered."""
        region = repository.region
        if region not in self._clients:
            self._clients[region] = cast(_Ecr, client(Access(region, self._profile, self._role_arn), "ecr"))
        ecr = self._clients[region]
        try:
            # With the account, so that credentials of another one are refused instead of finding another repository.
            answer = read(
                "ecr:GetRepositoryPolicy",
                lambda: ecr.get_repository_policy(registryId=repository.account, repositoryName=repository.name),
            )
        except Missing as what:
            if str(what) == "RepositoryPolicyNotFoundException":
                return None
            raise
        return str(answer["policyText"])
