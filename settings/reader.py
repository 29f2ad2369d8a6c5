"""Takes values out of raw config and collects what is wrong with them."""

import difflib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from . import schema, values
from .faults import Fault
from .refused import Refused

T = TypeVar("T")


class Reader:
    """One stack's config: `namespace:key` to text, lists, numbers and booleans as JSON.

    A faulty value is read as its key's example, so that the checks behind it still run; whoever reads raises before any use.
    Values of `secret_keys` are never shown in a fault.
    """

    def __init__(self, config: Mapping[str, str], secret_keys: Sequence[str]) -> None:
        self._config = config
        self._secret_keys = frozenset(secret_keys)
        self.faults: list[Fault] = []
        self._faulty: set[str] = set()

    def sound(self, *keys: str) -> bool:
        """Whether nothing was found wrong with the keys so far."""
        return self._faulty.isdisjoint(keys)

    def value(self, key: str, check: Callable[[str], T], computed: str | None = None, example: str | None = None) -> T:
        """The key's value as `check` gives it back; `computed` stands in for an empty text, `example` for the key's own."""
        text = self.text(key) or computed or ""
        try:
            if self.sound(key):
                return check(text)
        except Refused as refused:
            self.refuse(key, refused.problem, refused.allowed, example and command(key, example))
        return check(example or as_text(schema.KEYS[key].example))

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        """The key's value, which must be one of `allowed`."""
        text = self.text(key)
        if text in allowed or not self.sound(key):
            return text if text in allowed else allowed[0]
        near = difflib.get_close_matches(text, allowed, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        self.refuse(key, f"is not one that everpull knows{guess}", ", ".join(allowed))
        return near[0] if near else allowed[0]

    def region(self) -> str:
        """The AWS provider's own key. Required, so that a stack never lands where a shell happens to point."""
        key, example = "aws:region", "eu-central-1"
        text = self._config.get(key)
        try:
            if text is None:
                raise Refused("decides where everpull works in AWS", "a region code, such as eu-central-1")
            return values.region(text)
        except Refused as refused:
            self._faulty.add(key)
            self._add(key, refused.problem, refused.allowed, f"pulumi config set {key} {example}")
            return example

    def refuse(self, key: str, problem: str, allowed: str, example: str | None = None) -> None:
        """Notes a fault of the key. Without an `example` it is the command that sets the key to its own."""
        self._faulty.add(key)
        self._add(f"{schema.PROJECT}:{key}", problem, allowed, example or command(key))

    def refuse_other_credentials(self, key: str, looked: str) -> None:
        """Notes that AWS would be asked about the key's value as somebody else than who deploys.

        A part of what is looked at, `looked` says how, is asked by boto3, which knows no key of the provider but the profile.
        """
        others = [other for other in ("aws:accessKey", "aws:assumeRoles") if self._config.get(other)]
        if others and self.sound(key):
            self.refuse(
                key,
                f"would be {looked} with other credentials than those that the AWS provider has from {' and '.join(others)}",
                "credentials from the environment, or from aws:profile",
            )

    def refuse_unknown_keys(self) -> None:
        """Notes keys that no mode knows."""
        for full in sorted(self._config):
            project, _, key = full.partition(":")
            if project != schema.PROJECT or key in schema.KEYS:
                continue
            near = difflib.get_close_matches(key, schema.KEYS, n=1, cutoff=0.5)
            allowed = f"{schema.PROJECT}:{near[0]}" if near else ", ".join(sorted(schema.KEYS))
            self._add(full, "is not a key of everpull", allowed, f"pulumi config rm {full}")

    def is_set(self, key: str) -> bool:
        """Whether the key is not at its default.

        The engine hands over every key of Pulumi.yaml, those that no stack set with their defaults.
        """
        return not _same(schema.KEYS[key], self.text(key))

    def refuse_keys_of_others(self, mode: str, scope: str, identity: str | None) -> None:
        """Notes keys that are set although the mode, or with it the scope or identity, does nothing with them, which would be a
        surprise later. Without an `identity` those of all that go with the mode are let pass."""
        for key in schema.KEYS:
            if not self.is_set(key):
                continue
            modes, identities = schema.modes_with(key), schema.identities_with(key, mode)
            if mode not in modes:
                self._meaningless(key, f"in mode {mode}", f"{schema.PROJECT}:mode {' or '.join(modes)}")
            elif scope not in (scopes := schema.scopes_with(key)):
                self._meaningless(key, f"with scope {scope}", f"{schema.PROJECT}:scope {' or '.join(scopes)}")
            elif identities and identity is not None and identity not in identities:
                choice = f"{schema.PROJECT}:identity {' or '.join(identities)}"
                self._meaningless(key, f"with identity {identity}", choice)

    def text(self, key: str) -> str:
        """The key's value as the engine hands it over, or its default."""
        return self._config.get(f"{schema.PROJECT}:{key}", as_text(schema.KEYS[key].default))

    def _meaningless(self, key: str, where: str, only_with: str) -> None:
        self._faulty.add(key)
        full = f"{schema.PROJECT}:{key}"
        problem = f"means nothing {where}, so it would have no effect"
        self._add(full, problem, f"only with {only_with}", f"pulumi config rm {full}")

    def _add(self, full: str, problem: str, allowed: str, example: str) -> None:
        # The engine hands over an empty text for what is not set and has no default.
        value = "[secret]" if full in self._secret_keys else self._config.get(full) or None
        self.faults.append(Fault(full, value, problem, allowed, example))


def as_text(value: object) -> str:
    """A value as the engine would hand it over: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _same(known: schema.Key, text: str) -> bool:
    """Whether the text is the key's default, however its JSON is spaced."""
    if isinstance(known.default, str):
        return text == known.default
    try:
        return json.loads(text) == known.default
    except ValueError:
        return False


def command(key: str, example: object = None) -> str:
    """The command that sets the key to the `example`, or else to its own."""
    example = schema.KEYS[key].example if example is None else example
    full = f"{schema.PROJECT}:{key}"
    if isinstance(example, list):
        return f"pulumi config set --path '{full}[0]' '{example[0]}'"
    return f"pulumi config set {full} {shlex.quote(as_text(example))}"
