"""Stand-ins for what a refresh needs from outside, and names used all over these tests."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from refresher.core import Held, Login, Renewal
from refresher.errors import RefreshError
from refresher.ports import Outcome, Place
from refresher.registries import PUBLIC, Group, Registry, groups_of, parse_registry

FRANKFURT = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
FRANKFURT_OTHER_ACCOUNT = "210987654321.dkr.ecr.eu-central-1.amazonaws.com"
VIRGINIA = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

# Looked for in everything that comes out of the refresher.
CANARY = "canary-7f3a-password-of-the-login"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIFE = timedelta(hours=12)


def registries(*hosts: str) -> tuple[Registry, ...]:
    return tuple(PUBLIC if host == PUBLIC.host else parse_registry(host) for host in hosts)


def groups(*hosts: str, roles: Mapping[str, str] | None = None) -> tuple[Group, ...]:
    return groups_of(registries(*hosts), roles or {})


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

    def login(self, group: Group) -> Login:
        self.asked.append(group.region)
        if group.region in self.failures:
            raise self.failures[group.region]
        password = f"{CANARY}-{group.region}-{len(self.asked)}"
        return Login(group.hosts, "AWS", password, self.clock.now + self.life)


@dataclass
class FakeSink:
    """Holds `held` by the name of the place; remembers every write. Places of `unreadable` and `unwritable` fail."""

    held: dict[str, Held] = field(default_factory=lambda: {"one": Held()})
    written: list[tuple[str, Renewal]] = field(default_factory=list)
    unreadable: Mapping[str, RefreshError] = field(default_factory=dict)
    unwritable: Mapping[str, RefreshError] = field(default_factory=dict)
    replaces: Mapping[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def read(self) -> Iterator[Place | Outcome]:
        for name, held in self.held.items():
            self.events.append(f"read {name}")
            if name in self.unreadable:
                yield Outcome(name, "failed", failure=self.unreadable[name])
            else:
                yield Place(name, held, self.replaces.get(name))

    def write(self, renewals: Iterable[tuple[Place, Renewal]]) -> Iterator[Outcome]:
        for place, renewal in renewals:
            self.events.append(f"write {place.name}")
            if place.name in self.unwritable:
                yield Outcome(place.name, "failed", place.held.expires_at, self.unwritable[place.name])
                continue
            self.written.append((place.name, renewal))
            self.held[place.name] = Held(renewal.logins, renewal.logins[0].registries[0])
            yield Outcome(place.name, "refreshed", renewal.expires_at, note=place.replaces)


@dataclass
class FakeSecretsManager:
    """A Secrets Manager client of one secret, `text`."""

    text: str | None = None

    def get_secret_value(self, *, SecretId: str, **version: str) -> Mapping[str, object]:  # noqa: N803
        content = {} if self.text is None else {"SecretString": self.text}
        return {"VersionId": "v", "ARN": SecretId, **content}

    def put_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        **stages: object,
    ) -> object:
        self.text = SecretString
        return {}
