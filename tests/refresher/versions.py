"""A secret with versions and labels as Secrets Manager keeps them, in memory, and registries that refuse some logins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from refresher.core import Login
from refresher.images import Image, LoginVerdict, Verdict
from refresher.refresh import Report, refresh
from refresher.registries import Group
from refresher.rotation import CURRENT, PENDING, Rotation, Taken
from refresher.secrets_manager import SecretsManagerDocument, SecretVersions

from tests.refresher.conftest import SECRET_ID
from tests.refresher.fakes import Clock, FakeSource

PREVIOUS = "AWSPREVIOUS"
REGION = "eu-central-1"


class Killed(BaseException):
    """The function ended here, by its timeout for instance."""


@dataclass
class FakeSecret:
    """A Secrets Manager client of one secret. Refuses what the API reference says is refused.

    After `calls_left` more calls the function is killed: before the next one, or once AWS has done it (`answer_is_lost`).
    """

    values: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    is_rotated: bool = True
    calls: list[str] = field(default_factory=list[str])
    calls_left: int | None = None
    answer_is_lost: bool = False

    def version(self, label: str) -> str | None:
        return next((version for version, labels in self.labels.items() if label in labels), None)

    @property
    def current(self) -> str | None:
        """Text of the current version."""
        version = self.version(CURRENT)
        return None if version is None else self.values.get(version)

    def begin(self, token: str) -> None:
        """What Secrets Manager does first in a rotation: a version without a value."""
        pending = self.version(PENDING)
        assert pending in (None, token) or CURRENT in self.labels[pending], "a previous rotation is not complete"
        self._take(PENDING)
        self.labels.setdefault(token, set()).add(PENDING)

    def describe_secret(self, *, SecretId: str) -> Mapping[str, object]:  # noqa: N803
        labels = {version: sorted(found) for version, found in self.labels.items() if found}
        return self._answer(
            "DescribeSecret",
            lambda: {"ARN": SecretId, "RotationEnabled": self.is_rotated, "VersionIdsToStages": labels},
        )

    def get_secret_value(self, *, SecretId: str, **version: str) -> Mapping[str, object]:  # noqa: N803
        wanted = version.get("VersionId") or self.version(CURRENT)
        if wanted is None or wanted not in self.values:
            return self._answer("GetSecretValue", lambda: _refused("ResourceNotFoundException", "GetSecretValue"))
        found = {"ARN": SecretId, "VersionId": wanted, "SecretString": self.values[wanted]}
        return self._answer("GetSecretValue", lambda: found)

    def put_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        **stages: Sequence[str],
    ) -> object:
        def put() -> dict[str, object]:
            token = ClientRequestToken
            if self.values.get(token, SecretString) != SecretString:
                _refused("ResourceExistsException", "PutSecretValue")
            if token in self.values:
                return {}
            is_first = not self.values
            self.values[token] = SecretString
            self.labels.setdefault(token, set())
            for label in (*stages.get("VersionStages", [CURRENT]), *([CURRENT] if is_first else [])):
                self._put(label, token)
            return {}

        return self._answer("PutSecretValue", put)

    def update_secret_version_stage(self, *, SecretId: str, VersionStage: str, **versions: str) -> object:  # noqa: N803
        def update() -> dict[str, object]:
            holder = self.version(VersionStage)
            source, goal = versions.get("RemoveFromVersionId"), versions.get("MoveToVersionId")
            if holder != source and (holder is not None or not goal):
                _refused("InvalidParameterException", "UpdateSecretVersionStage")
            if goal:
                self._put(VersionStage, goal)
            elif source:
                self.labels[source].discard(VersionStage)
            return {}

        return self._answer("UpdateSecretVersionStage", update)

    def _put(self, label: str, version: str) -> None:
        before = self.version(label)
        self._take(label)
        self.labels[version].add(label)
        if label == CURRENT and before not in (None, version):
            self._take(PREVIOUS)
            self.labels[before].add(PREVIOUS)

    def _take(self, label: str) -> None:
        for labels in self.labels.values():
            labels.discard(label)

    def _answer(self, action: str, operation: Any) -> dict[str, object]:
        if self.calls_left == 0 and not self.answer_is_lost:
            raise Killed
        self.calls.append(action)
        found = operation()
        if self.calls_left == 0:
            raise Killed
        if self.calls_left is not None:
            self.calls_left -= 1
        return found


def _refused(code: str, action: str) -> Any:
    raise ClientError({"Error": {"Code": code, "Message": "by the fake"}}, action)


@dataclass
class FakeTrial:
    """Registries that refuse logins with some passwords, or every login (`closed`), or give no answer (`down`).

    Logins with the passwords of `unfit` pull no image.
    """

    refused: set[str] = field(default_factory=set[str])
    closed: set[str] = field(default_factory=set[str])
    down: set[str] = field(default_factory=set[str])
    unfit: set[str] = field(default_factory=set[str])
    tried: list[str] = field(default_factory=list[str])

    def logins(self, logins: Sequence[Login]) -> Sequence[LoginVerdict]:
        return [self._verdict(host, login.password) for login in logins for host in login.registries]

    def images(self, images: Sequence[Image], logins: Sequence[Login]) -> Sequence[Verdict]:
        passwords = {host: login.password for login in logins for host in login.registries}
        return [
            Verdict(image, "refused", f"{image.repository} is refused")
            if passwords.get(image.host, "") in self.unfit
            else Verdict(image, "pulls")
            for image in images
        ]

    def _verdict(self, host: str, password: str) -> LoginVerdict:
        self.tried.append(host)
        if host in self.down:
            return LoginVerdict(host, "unknown", f"{host}: down")
        if password in self.refused or host in self.closed:
            return LoginVerdict(host, "refused", f"{host} does not accept the login")
        return LoginVerdict(host, "taken")


@dataclass
class World:
    """A secret, what gives logins for it, its registries, and the function that rotates it."""

    groups: tuple[Group, ...]
    images: tuple[Image, ...] = ()
    clock: Clock = field(default_factory=Clock)
    secret: FakeSecret = field(default_factory=FakeSecret)
    trial: FakeTrial = field(default_factory=FakeTrial)

    def __post_init__(self) -> None:
        self.source = FakeSource(self.clock)

    def take(self, step: str, token: str, secret: str = SECRET_ID) -> Taken:
        rotation = Rotation(
            SecretVersions(self.secret, SECRET_ID, REGION),
            self.source,
            lambda pending: SecretsManagerDocument(self.secret, SECRET_ID, REGION, pending),
            self.trial,
            self.groups,
            self.images,
            self.clock,
        )
        return rotation.take(step, token, secret)

    def run(self, *, force: bool = True) -> Report:
        """An ordinary run."""
        sink = SecretsManagerDocument(self.secret, SECRET_ID, REGION)
        return refresh(self.source, sink, self.groups, force=force, clock=self.clock)

    def rotate(self, token: str) -> list[str]:
        """A whole rotation, from its beginning or as it is taken up again; the statuses."""
        self.secret.begin(token)
        return [self.take(step, token).status for step in ("createSecret", "setSecret", "testSecret", "finishSecret")]

    def passes(self, time: timedelta) -> None:
        self.clock.now += time
