"""What rules look at: a stack's resources and configuration, whoever told of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

# How the engine and its SDKs tag what JSON has no type for (pulumi/sdk, resource/properties.go).
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a tag, not a secret
# What stands for a secret in text for people, and in `preview --json`.
_HIDDEN = "[secret]"
# The engine's words for a value that is not known before the update: of a text, a list, an object and so on.
_UNKNOWN = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Mark(Enum):
    """Stands for a value that nobody may, or can, look at."""

    SECRET = "secret"  # noqa: S105
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Resource:
    """One resource as it would be. `inputs` are JSON's types and Marks, by the provider's own names."""

    type: str
    name: str
    inputs: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document, and the input that holds the document."""

    place: str
    content: Mapping[str, object]

    @property
    def allows(self) -> bool:
        """Whether it gives anything."""
        return self.content.get("Effect") == "Allow"

    @property
    def called(self) -> str:
        """By its Sid, where it has one."""
        return f"statement {self.content['Sid']}" if "Sid" in self.content else f"a statement of {self.place}"

    def listed(self, key: str) -> list[str]:
        """What stands there, one or many."""
        return texts(self.content.get(key))


@dataclass(frozen=True)
class Stack:
    """All resources that there would be. `config` has the stack's keys in full, as text; None where nobody tells it.

    Secret values of the configuration are Marks. `errors` are the engine's: with any, resources may be missing.
    """

    resources: Sequence[Resource]
    config: Mapping[str, object] | None = None
    errors: Sequence[str] = ()

    def has_roles(self) -> bool:
        """Whether the cluster proves itself by a role, so that it needs no key."""
        if self.config is not None and "everpull:identity" in self.config:
            return self.config["everpull:identity"] != "access-key"
        return any(_trusts_the_cluster(found) for resource in self.resources for found in statements(resource))

    def may_reach_all_namespaces(self) -> bool:
        """Whether namespaces are chosen by label. Where nobody tells the configuration they may be."""
        return self.config is None or bool(self.config.get("everpull:namespaceSelector"))


def plain(value: object) -> object:
    """The value with Marks for what the engine has tagged as secret or unknown."""
    if value == _HIDDEN:
        return Mark.SECRET
    if isinstance(value, str):
        return Mark.UNKNOWN if value in _UNKNOWN else value
    if isinstance(value, Mapping):
        found = cast(Mapping[str, object], value)
        if found.get(_SIGNATURE) == _SECRET:
            return Mark.SECRET
        return {key: plain(item) for key, item in found.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast(Sequence[object], value)]
    return value


def statements(resource: Resource) -> Iterator[Statement]:
    """Of every policy document among the inputs of an AWS resource, however the input is called."""
    if not resource.type.startswith("aws:"):
        return
    for place, text in leaves(resource.inputs):
        if not isinstance(text, str) or not text.lstrip().startswith("{"):
            continue
        try:
            document = mapping(json.loads(text))
        except ValueError:
            continue
        found = document.get("Statement")
        for content in mappings(found) or [mapping(found)]:
            yield Statement(place, content)


def unseen(resource: Resource) -> list[str]:
    """The policy documents that are not known before the update, by input."""
    return [key for key, value in resource.inputs.items() if key.lower().endswith("policy") and value is Mark.UNKNOWN]


def leaves(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Every value that holds no others, with its path (`spec.containers.0.image`)."""
    if isinstance(value, Mapping):
        for key, item in cast(Mapping[str, object], value).items():
            yield from leaves(item, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, item in enumerate(cast(list[object], value)):
            yield from leaves(item, f"{place}.{index}" if place else str(index))
    else:
        yield place, value


def texts(value: object) -> list[str]:
    """One text or many, as AWS and Kubernetes take them; nothing else."""
    items = cast(list[object], value) if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def mappings(value: object) -> list[Mapping[str, object]]:
    """The objects of a list; none where it is no list."""
    items = cast(list[object], value) if isinstance(value, list) else []
    return [cast(Mapping[str, object], item) for item in items if isinstance(item, Mapping)]


def mapping(value: object) -> Mapping[str, object]:
    """An object; an empty one where it is none."""
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else {}


def _trusts_the_cluster(found: Statement) -> bool:
    principal = mapping(found.content.get("Principal"))
    return "Federated" in principal or "pods.eks.amazonaws.com" in texts(principal.get("Service"))
