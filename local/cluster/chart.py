"""Renders one file of the External Secrets chart, as far as its RBAC needs it, without Helm.

Understood are `if`/`else`/`end` with values, `and`, `or` and `not`, comments, and the three names and the labels that
the file includes. Anything else is an error, so that a new chart can't be rendered wrongly in silence.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

_ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)


class ChartError(Exception):
    """The file uses something that isn't understood here."""


def render(template: str, values: Mapping[str, Any], namespace: str) -> list[dict[str, Any]]:
    """The objects of a template file. `values` are the chart's; the release is called `external-secrets`.

    Raises:
        ChartError: with the action that isn't understood.
    """
    inclusions = {
        '"external-secrets.fullname"': "external-secrets",
        '"external-secrets.serviceAccountName"': "external-secrets",
        '"external-secrets.namespace"': namespace,
    }
    written: list[str] = []
    # One entry per open `if`: whether the branch at hand is written.
    open_ifs: list[bool] = []
    place = 0
    for match in _ACTION.finditer(template):
        text = template[place : match.start()]
        written.append((text.rstrip() if match[1] else text) if all(open_ifs) else "")
        place = match.end()
        if match[3]:
            place += len(template[place:]) - len(template[place:].lstrip())
        action = match[2]
        if action.startswith("if "):
            open_ifs.append(_condition(action[3:], values))
        elif action == "else":
            open_ifs[-1] = not open_ifs[-1]
        elif action == "end":
            open_ifs.pop()
        elif all(open_ifs):
            written.append(_output(action, values, inclusions))
    written.append(template[place:] if all(open_ifs) else "")
    return [document for document in yaml.safe_load_all("".join(written)) if document]


def _output(action: str, values: Mapping[str, Any], inclusions: Mapping[str, str]) -> str:
    words = action.split()
    if words[0] in ("include", "template") and len(words) == 3 and words[2] == "." and words[1] in inclusions:
        return inclusions[words[1]]
    if re.fullmatch(r'include "external-secrets\.labels" \. \| nindent 4', action):
        return "\n    app.kubernetes.io/name: external-secrets"
    if len(words) == 3 and words[1:] == ["|", "quote"]:
        return f'"{_value(words[0], values)}"'
    raise ChartError(f"not understood in the chart: {action}")


def _condition(text: str, values: Mapping[str, Any]) -> bool:
    words = text.split()
    operands = [bool(_value(word, values)) for word in words if word not in ("and", "or", "not")]
    if words[0] == "and":
        return all(operands)
    if words[0] == "or":
        return any(operands)
    if words[0] == "not" and len(operands) == 1:
        return not operands[0]
    if len(words) == 1:
        return operands[0]
    raise ChartError(f"not understood in the chart: if {text}")


def _value(word: str, values: Mapping[str, Any]) -> Any:
    if not word.startswith(".Values."):
        raise ChartError(f"not understood in the chart: {word}")
    found: Any = values
    for name in word.removeprefix(".Values.").split("."):
        if not isinstance(found, Mapping) or name not in found:
            raise ChartError(f"the chart has no value {word}")
        found = found[name]
    return found
