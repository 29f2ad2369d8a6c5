"""What a provider stand-in implements: plain requests in, plain results out, errors as exceptions."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.providers.common.diff import DiffResult
from local.providers.common.naming import Autonaming
from local.providers.common.values import Value

Values = dict[str, Value]


class ProviderError(Exception):
    """A fault of the program, its configuration or the service. Its text is shown to the user: it holds no secret."""


class PartialFailureError(ProviderError):
    """The resource exists, but didn't become what was asked: state is saved, the operation fails and can be resumed."""

    def __init__(self, resource_id: str, outputs: Values, inputs: Values, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.resource_id = resource_id
        self.outputs = outputs
        self.inputs = inputs
        self.reasons = reasons


@dataclass(frozen=True)
class Subject:
    """The resource a request is about: its URN, type token and logical name."""

    urn: str
    type: str
    name: str


@dataclass(frozen=True)
class CheckRequest:
    on: Subject
    old_inputs: Values
    new_inputs: Values
    seed: bytes = b""
    autonaming: Autonaming | None = None


@dataclass(frozen=True)
class CheckResult:
    """Checked inputs (defaults and names filled in), or failures as (property, reason)."""

    inputs: Values
    failures: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class DiffRequest:
    on: Subject
    id: str
    old_inputs: Values
    old_state: Values
    new_inputs: Values
    ignore_changes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CreateRequest:
    """`timeout` is seconds, 0 when the program gave none; with `preview` nothing may be created."""

    on: Subject
    inputs: Values
    preview: bool = False
    timeout: float = 0.0


@dataclass(frozen=True)
class ReadRequest:
    """A refresh (`inputs` and `state` filled) or an import / `get` (only the id)."""

    on: Subject
    id: str
    inputs: Values
    state: Values


@dataclass(frozen=True)
class UpdateRequest:
    on: Subject
    id: str
    old_inputs: Values
    old_state: Values
    new_inputs: Values
    ignore_changes: list[str] = field(default_factory=list)
    preview: bool = False
    timeout: float = 0.0


@dataclass(frozen=True)
class DeleteRequest:
    on: Subject
    id: str
    old_inputs: Values
    state: Values
    timeout: float = 0.0


@dataclass(frozen=True)
class Resource:
    """A resource as it is. `inputs` is only looked at after a read."""

    id: str
    outputs: Values
    inputs: Values = field(default_factory=dict)


class EngineLog:
    """Where messages for the user go; the server replaces it by one that reaches the engine. Never pass a secret."""

    def info(self, message: str, *, urn: str = "", ephemeral: bool = False) -> None:
        """One line beside the resource; an ephemeral one is a status that the next one overwrites."""

    def warning(self, message: str, *, urn: str = "") -> None:
        """One warning in the diagnostics."""


class Provider:
    """Base of a stand-in. Methods run on threads, several at a time; each may raise ProviderError."""

    name: str = ""
    version: str = ""

    def __init__(self) -> None:
        self.log = EngineLog()
        # Set when the user interrupts; long waits look at it.
        self.cancelled = threading.Event()

    def check_config(self, request: CheckRequest) -> CheckResult:
        """Configuration of a default or explicit provider resource."""
        return CheckResult(request.new_inputs)

    def diff_config(self, request: DiffRequest) -> DiffResult:  # noqa: ARG002 - for overriding
        """Whether a changed configuration means replacing everything that the provider made; by default never."""
        return DiffResult()

    def configure(self, config: Mapping[str, Value]) -> None:
        """Called once, before any resource request."""
        raise NotImplementedError

    def check(self, request: CheckRequest) -> CheckResult:
        """Validates inputs and fills in defaults and automatic names."""
        raise NotImplementedError

    def diff(self, request: DiffRequest) -> DiffResult:
        """What would change."""
        raise NotImplementedError

    def create(self, request: CreateRequest) -> Resource:
        """Makes the resource; with preview, answers what is known before."""
        raise NotImplementedError

    def read(self, request: ReadRequest) -> Resource | None:
        """The live resource and the inputs that describe it; None when it is gone."""
        raise NotImplementedError

    def update(self, request: UpdateRequest) -> Values:
        """Brings the resource to its new inputs and answers its outputs."""
        raise NotImplementedError

    def delete(self, request: DeleteRequest) -> None:
        """Deletes the resource; one that is gone already is fine."""
        raise NotImplementedError

    def invoke(self, token: str, args: Values) -> Values:  # noqa: ARG002 - for overriding
        """A data source or function."""
        raise ProviderError(f"the function {token} is not supported by the local stand-in for the {self.name} provider")
