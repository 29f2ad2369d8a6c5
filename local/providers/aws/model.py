"""The vocabulary of the table: a row says how one Pulumi resource type maps to AWS API calls.

Everything that most types share (checking, naming, diffing, tags, reading back) works from rows alone; `Hooks` are for where
an API is odd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.providers.aws.session import Api

State = dict[str, Any]
"""Property values under their Pulumi names, without secret wrappers."""


class Kind(Enum):
    """The type of a property. JSON is text that is compared by meaning; SET is a list whose order means nothing."""

    STRING = auto()
    INT = auto()
    NUMBER = auto()
    BOOL = auto()
    JSON = auto()
    LIST = auto()
    SET = auto()
    MAP = auto()
    BLOCK = auto()
    BLOCKS = auto()
    ARCHIVE = auto()


@dataclass(frozen=True)
class AutoName:
    """The real provider's auto-naming of a property: its length limit, and what it does to the generated text."""

    max_length: int
    suffix: Callable[[Mapping[str, Any]], str] = lambda _inputs: ""
    # The property that asks for a generated name with that prefix instead.
    prefix_property: str = "namePrefix"


@dataclass(frozen=True)
class Prop:
    """One input property. `member` is its name in API requests and answers; `read` overrides where the answer holds it
    (a JMESPath; "" when AWS doesn't tell, so that the last known value stands). `local` properties steer the provider only.
    `computed`: when the program doesn't give it, AWS or the provider chooses, and leaving it out is no change. `essence`
    gives what counts of a text when it is compared; what AWS shows is in state all the same."""

    name: str
    member: str = ""
    kind: Kind = Kind.STRING
    required: bool = False
    replace: bool = False
    computed: bool = False
    default: Any = None
    local: bool = False
    read: str | None = None
    allowed: tuple[Any, ...] = ()
    fields: tuple[Prop, ...] = ()
    auto: AutoName | None = None
    conflicts: tuple[str, ...] = ()
    essence: Callable[[str], str] | None = None

    @property
    def source(self) -> str:
        """The JMESPath that finds the value in an answer, "" when none does."""
        return self.member if self.read is None else self.read


@dataclass(frozen=True)
class Call:
    """One API call: `send` names properties that travel under their own member name; `members` maps further members to
    a property, to `#id` (the resource's id) or, with a leading `=`, to that text itself."""

    op: str
    send: tuple[str, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    service: str = ""


def call(op: str, send: str = "", *, service: str = "", **members: Any) -> Call:
    """Shorthand for a `Call`, with property names separated by blanks."""
    return Call(op, tuple(send.split()), members, service)


@dataclass(frozen=True)
class Change:
    """How a change of any of `props` is carried out; `clear` is used instead of `call` when the first of them is gone."""

    props: tuple[str, ...]
    call: Call
    clear: Call | None = None


def change(props: str, to: Call, clear: Call | None = None) -> Change:
    """Shorthand for a `Change`, with property names separated by blanks."""
    return Change(tuple(props.split()), to, clear)


class TagStyle(Enum):
    """How a service spells tags: a list of {Key, Value}, the same in lower case, or a plain map."""

    PAIRS = auto()
    MAP = auto()


@dataclass(frozen=True)
class Tags:
    """The tag calls of a service. `on` is the member naming the resource and `of` the property (or `#id`) it takes;
    `create` is the member of the create call, `listing` the JMESPath in the answer to `list_op`, or in the
    resource's own description when `list_op` is empty."""

    on: str
    of: str
    tag: str
    untag: str
    listing: str
    list_op: str = ""
    create: str = "Tags"
    style: TagStyle = TagStyle.PAIRS
    tag_member: str = "Tags"
    untag_member: str = "TagKeys"


@dataclass(frozen=True)
class Retry:
    """An answer that means "not yet" (IAM is eventually consistent): its code and a part of its message."""

    code: str
    message: str = ""
    seconds: float = 60.0


@dataclass(frozen=True)
class Hooks:
    """Code for what a table can't say. Each gets the Api first; `read` answers the description that `Prop.read` and
    `outputs` look into, or None when the resource is gone."""

    check: Callable[[State], list[tuple[str, str]]] | None = None
    replaces: Callable[[State, State, set[str]], set[str]] | None = None
    unknowns: Callable[[set[str]], set[str]] | None = None
    create: Callable[[Api, State], tuple[str, State]] | None = None
    created: Callable[[Api, str, State], None] | None = None
    read: Callable[[Api, str, State], Mapping[str, Any] | None] | None = None
    update: Callable[[Api, str, State, State, set[str]], State] | None = None
    updated: Callable[[Api, str, State, State, set[str]], None] | None = None
    deleting: Callable[[Api, str, State], None] | None = None
    delete: Callable[[Api, str, State], None] | None = None


@dataclass(frozen=True)
class Row:
    """One resource type. `id` is a template over properties (`{user}:{name}`) or, with a leading `$`, a JMESPath into the
    create call's answer; `at` is where the read answer holds the resource; `gone` are the error codes of absence;
    `outputs` are further outputs by JMESPath; `import_id` is a template that reads an import id when it isn't `id`."""

    type: str
    noun: str
    service: str
    props: tuple[Prop, ...]
    id: str
    create: Call | None = None
    # The operation whose model knows the limits of the properties, where `hooks.create` makes the call.
    checked_by: str = ""
    read: Call | None = None
    at: str = "@"
    delete: Call | None = None
    changes: tuple[Change, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    # Outputs that AWS tells once, at creation: JMESPath into the create call's answer.
    once: Mapping[str, str] = field(default_factory=dict)
    secret_outputs: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    tags: Tags | None = None
    regional: bool = True
    delete_before_replace: bool = False
    import_id: str = ""
    retries: tuple[Retry, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)

    def prop(self, name: str) -> Prop:
        """The property of that name; raises KeyError."""
        return self.by_name[name]

    @cached_property
    def by_name(self) -> dict[str, Prop]:
        """All input properties, the shared ones (region, tags) included."""
        shared: list[Prop] = []
        if self.regional:
            shared.append(Prop("region", computed=True, replace=True, read=""))
        if self.tags:
            shared.append(Prop("tags", kind=Kind.MAP, read=""))
        return {prop.name: prop for prop in (*self.props, *shared)}
