"""Stand-ins for what a refresh needs from outside, and names used all over these tests."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from refresher.core import Document, Login
from refresher.errors import RefreshError
from refresher.ports import Held
from refresher.registries import Registry, parse_registry

FRANKFURT = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
FRANKFURT_OTHER_ACCOUNT = "210987654321.dkr.ecr.eu-central-1.amazonaws.com"
VIRGINIA = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

# Looked for in everything that comes out of the refresher.
CANARY = "canary-7f3a-password-of-the-login"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIFE = timedelta(hours=12)


def registries(*hosts: str) -> tuple[Registry, ...]:
    return tuple(parse_registry(host) for host in hosts)


def token(username: str = "AWS", password: str = CANARY) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class FakeSource:
    """Gives logins that live `life` from `clock`, or fails in the regions of `failures`. Remembers what it was asked."""

    clock: Clock
    life: timedelta = LIFE
    failures: Mapping[str, RefreshError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def login(self, region: str, registries: Sequence[Registry]) -> Login:
        self.asked.append(region)
        if region in self.failures:
            raise self.failures[region]
        hosts = tuple(registry.host for registry in registries)
        return Login(hosts, "AWS", f"{CANARY}-{region}-{len(self.asked)}", self.clock.now + self.life)


@dataclass
class FakeSink:
    """Holds `held`; remembers every document written."""

    held: Held = field(default_factory=lambda: Held({}))
    written: list[Document] = field(default_factory=list)
    failure: RefreshError | None = None

    def read(self) -> Held:
        return self.held

    def write(self, document: Document) -> None:
        if self.failure:
            raise self.failure
        self.written.append(document)
        self.held = Held(document, None, f"version-{len(self.written)}")
