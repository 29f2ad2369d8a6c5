"""Tables that the documentation has from the program: `python -m checks.tables` compares, `--write` brings them up to date."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml

from checks.costs import month
from policy.rules import RULES
from settings import parse, schema

ROOT = Path(__file__).resolve().parent.parent
# What everybody looks at, in the order in which it comes up.
ESSENTIALS = tuple(
    f"{schema.PROJECT}:{key}"
    for key in (
        *("mode", "identity", "registries", "repositories"),
        *("namespaces", "namespaceSelector", "pullSecretName", "attach"),
    )
)
_HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


class MarkersMissing(ValueError):
    """The text has no place for a table; the message names the markers."""


def modes() -> str:
    """Which mode to choose, from the validity table."""
    rows = [
        (f"`{name}`", mode.choose_when, ", ".join(f"`{identity}`" for identity in mode.identities))
        for name, mode in schema.MODES.items()
    ]
    return _table(("`everpull:mode`", "choose it when", "`everpull:identity`"), rows)


def identities() -> str:
    """Which identity to choose, from the validity table."""
    rows = [
        (
            f"`{name}`",
            identity.choose_when,
            ", ".join(f"`{mode}`" for mode, row in schema.MODES.items() if name in row.identities),
        )
        for name, identity in schema.IDENTITIES.items()
    ]
    return _table(("`everpull:identity`", "choose it when", "`everpull:mode`"), rows)


def scopes() -> str:
    """Which half to choose, from the validity table, and what may not be said of it."""
    rows = [
        (f"`{name}`", scope.choose_when, ", ".join(f"`{key}`" for key in schema.KEYS if key in scope.without))
        for name, scope in schema.SCOPES.items()
    ]
    return _table(("`everpull:scope`", "choose it when", "keys that mean nothing there"), rows)


def configuration() -> str:
    """Every config key, from Pulumi.yaml."""
    rows = [(f"`{key}`", _modes(key), _type(entry), _default(entry), _meaning(entry)) for key, entry in _keys().items()]
    return _table(("key", "modes", "type", "default", "meaning"), rows)


def essentials() -> str:
    """The keys that most stacks set, from Pulumi.yaml."""
    keys = _keys()
    rows = [(f"`{key}`", _default(keys[key]), _meaning(keys[key])) for key in ESSENTIALS]
    return _table(("key", "default", "meaning"), rows)


def costs() -> str:
    """Calls of AWS and USD a month, by mode and number of clusters, with one registry and the defaults."""
    rows: list[tuple[str, ...]] = []
    for mode in schema.modes_with("namespaces"):
        stack = parse(
            {"aws:region": "us-east-1", "everpull:mode": mode, "everpull:registries": json.dumps([_HOST])}, "dev"
        )
        months = [month(stack, clusters) for clusters in (1, 10, 100)]
        rows.append((f"`{mode}`", *(f"{found.calls:,} calls, ${found.usd:.2f}" for found in months)))
    return _table(("`everpull:mode`", "1 cluster", "10 clusters", "100 clusters"), rows)


def policies() -> str:
    """What each rule of `policy` asks for, and why."""
    rows = [(f"`{rule.name}`", rule.says, rule.why, rule.fix) for rule in RULES]
    return _table(("rule", "what holds", "why", "how to mend it"), rows)


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"modes": modes, "identities": identities, "essentials": essentials},
    "docs/configuration.md": {"configuration": configuration},
    "docs/modes.md": {"costs": costs},
    "docs/policies.md": {"policies": policies},
    "docs/fleet.md": {"scopes": scopes},
}


def renewed(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The text with each table between its markers made anew. Raises MarkersMissing."""
    for name, table in tables.items():
        begin, end = f"<!-- table: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
        content = table()
        text, found = pattern.subn(lambda match, content=content: match[1] + content + match[2], text)
        if found != 1:
            raise MarkersMissing(f"expected one pair of {begin} and {end}, found {found}")
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _keys() -> Mapping[str, Mapping[str, object]]:
    """What Pulumi.yaml says of each key."""
    project = cast(Mapping[str, object], yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8")))
    return cast(Mapping[str, Mapping[str, object]], project["config"])


def _modes(full: str) -> str:
    """The modes that know the key, and the identities or the scope where it takes one of them."""
    key = full.removeprefix(f"{schema.PROJECT}:")
    known = schema.modes_with(key)
    if known == tuple(schema.MODES):
        return "all"
    identities = [name for name, identity in schema.IDENTITIES.items() if key in identity.keys]
    only = f" with {', '.join(f'`{name}`' for name in identities)}" if identities else ""
    scopes = schema.scopes_with(key)
    half = f" with `{scopes[0]}`" if len(scopes) == 1 else ""
    return ", ".join(f"`{mode}`" for mode in known) + only + half


def _type(entry: Mapping[str, object]) -> str:
    items = cast(Mapping[str, object] | None, entry.get("items"))
    return f"list of {items['type']}s" if items else str(entry["type"])


def _meaning(entry: Mapping[str, object]) -> str:
    return str(entry["description"]).strip()


def _default(entry: Mapping[str, object]) -> str:
    value = entry.get("default", "")
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if text else ""


def main() -> int:
    """Gives the exit status: 0 when the tables are up to date, or were brought there."""
    parser = argparse.ArgumentParser(prog="python -m checks.tables", description="Compare the documentation's tables.")
    parser.add_argument("--write", action="store_true", help="bring them up to date")
    write: bool = parser.parse_args().write
    status = 0
    for name, tables in TABLES.items():
        page = ROOT / name
        old = page.read_text(encoding="utf-8")
        new = renewed(old, tables)
        if write:
            page.write_text(new, encoding="utf-8")
        elif new != old:
            print(f"{name}: a table is not what Pulumi.yaml and settings say: run", file=sys.stderr)
            print("  .venv/bin/python -m checks.tables --write", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
