"""AWS, a cluster and registries made of what a test says is there."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cluster.reader import Forbidden, Row, Unreachable
from components.aws_reads import Denied, Missing, Unanswered
from lambda_src.refresher.core import Login
from lambda_src.refresher.images import Image, LoginVerdict, Verdict

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
Gone = Missing("gone")


@dataclass
class FakeAws:
    """Answers by `SERVICE OPERATION`, or by that and the value of one parameter behind it. An exception is raised."""

    answers: dict[str, Any] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    asked: list[str] = field(default_factory=list)

    def ask(self, service: str, operation: str, /, **parameters: object) -> Mapping[str, Any]:
        call = f"{service} {operation}"
        self.asked.append(call)
        keys = [*(f"{call} {value}" for value in parameters.values()), call]
        found = next((self.answers[key] for key in keys if key in self.answers), None)
        if found is None:
            raise AssertionError(f"unexpected: {call} {parameters}")
        if isinstance(found, Exception):
            raise found
        return found

    def in_region(self, region: str) -> "FakeAws":
        return self

    def clock(self) -> datetime:
        return NOW + self.ahead


@dataclass
class FakeCluster:
    """Documents by path; what isn't listed isn't there. Paths in `forbidden` may not be read."""

    documents: dict[str, Any] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    ahead: timedelta = timedelta()
    is_gone: bool = False

    def document(self, path: str) -> Mapping[str, object] | None:
        if self.is_gone:
            raise Unreachable(f"ConnectError on {path}")
        path = urlsplit(path).path
        if path in self.forbidden:
            raise Forbidden(path)
        return self.documents.get(path)

    def metadata(self, path: str) -> Mapping[str, object] | None:
        found = self.document(path)
        return None if found is None else found.get("metadata", {})  # type: ignore[return-value]

    def rows(self, path: str) -> Sequence[Row]:
        parts = urlsplit(path)
        self.document(parts.path)
        asked = parse_qs(parts.query).get("labelSelector", [""])[0]
        key, _, value = asked.partition("=")
        return [
            Row({}, {"name": where.rpartition("/")[2], **found.get("metadata", {})})
            for where, found in self.documents.items()
            if where.rpartition("/")[0] == parts.path
            and (not asked or found.get("metadata", {}).get("labels", {}).get(key) == value)
        ]

    def clock(self) -> datetime:
        if self.is_gone:
            raise Unreachable("ConnectError on /version")
        return NOW + self.ahead


@dataclass
class FakeRegistries:
    """Every registry takes the login and gives every image, unless it says otherwise."""

    logins: dict[str, LoginVerdict] = field(default_factory=dict)
    pulls: dict[str, tuple[str, str]] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    def try_logins(self, logins: Sequence[Login]) -> Sequence[LoginVerdict]:
        hosts = [host for login in logins for host in login.registries]
        return [self.logins.get(host, LoginVerdict(host, "taken")) for host in hosts]

    def try_pulls(self, images: Sequence[Image], logins: Sequence[Login]) -> Sequence[Verdict]:
        self.tried += [str(image) for image in images]
        return [Verdict(image, *self.pulls.get(str(image), ("pulls", None))) for image in images]  # type: ignore[arg-type]

    def some_tag(self, aws: object, host: str, repository: str) -> str | None:
        found = self.tags.get(repository, "1")
        if isinstance(found, Exception):
            raise found
        return found


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


__all__ = ["NOW", "Denied", "FakeAws", "FakeCluster", "FakeRegistries", "Gone", "Unanswered", "b64"]
