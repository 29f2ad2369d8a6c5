"""The table agrees with the SDK whose resources it stands for, and with botocore's models of the services it calls."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from local.providers import aws
from local.providers.aws.config import KNOWN
from local.providers.aws.invokes import INVOKES
from local.providers.aws.model import Call, Prop, Row
from local.providers.aws.table import ROWS
from local.providers.aws.validate import compile_pattern, operation_input

ROW = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())

README = Path(aws.__file__).with_name("README.md").read_text()
# The README's table is where it is said what the stand-in refuses for now.
NOT_SUPPORTED = {
    row[1]: set(re.findall(r"`(\w+)`", row[2])) for row in re.finditer(r"^\| `(aws:[^`]+)` \| ([^|]*)\|", README, re.M)
}
# Outputs that hold nothing in the cases that the stand-in supports.
EMPTY_OUTPUTS = {
    "aws:iam/accessKey:AccessKey": {"encryptedSecret", "encryptedSesSmtpPasswordV4", "keyFingerprint"},
    "aws:lambda/function:Function": {"signingJobArn", "signingProfileVersionArn"},
    "aws:sns/topic:Topic": {"beginningArchiveTime"},
}


def _module(token: str) -> Any:
    name = token.split(":")[1].split("/")[0]
    return importlib.import_module(f"pulumi_aws.{'lambda_' if name == 'lambda' else name}")


def _properties(cls: type) -> set[str]:
    found = {name: member for name, member in vars(cls).items() if isinstance(member, property)}
    return {getattr(member.fget, "_pulumi_name", name) for name, member in found.items()}


def _arguments(row: Row) -> type:
    return getattr(_module(row.type), f"{row.type.rsplit(':', 1)[1]}Args")


def test_the_readme_lists_every_type_and_function_and_no_other():
    assert set(NOT_SUPPORTED) == set(ROWS)
    text = README[README.index("Functions:") : README.index("Provider settings:")]
    named = {name.rsplit(".", 1)[-1] for name in re.findall(r"`([\w.]+)`", text)}
    assert named == {token.rsplit(":", 1)[1] for token in INVOKES}


def test_the_settings_that_the_readme_promises_are_known():
    text = README[README.index("Provider settings:") : README.index("others are\nrefused")]
    assert set(re.findall(r"`(\w+)`", text)) <= set(KNOWN)


@ROW
def test_a_row_takes_exactly_the_sdks_arguments_less_the_named_ones(row: Row):
    assert set(row.by_name) == _properties(_arguments(row)) - NOT_SUPPORTED.get(row.type, set())


@ROW
def test_what_is_named_as_not_supported_exists_in_the_sdk(row: Row):
    assert NOT_SUPPORTED.get(row.type, set()) <= _properties(_arguments(row))


@ROW
def test_a_row_requires_what_the_sdk_requires(row: Row):
    arguments = inspect.signature(_arguments(row).__init__).parameters.values()
    required = {p.name for p in arguments if p.default is p.empty and p.name != "__self__"}
    ours = {re.sub("([A-Z])", r"_\1", p.name).lower() for p in row.by_name.values() if p.required}
    assert ours == required


@ROW
def test_a_row_has_every_output_of_the_sdk(row: Row):
    sdk = _properties(getattr(_module(row.type), row.type.rsplit(":", 1)[1]))
    ours = {*row.by_name, *row.outputs, *row.once, *({"tagsAll"} if row.tags else set())}
    assert ours == sdk - NOT_SUPPORTED.get(row.type, set()) - EMPTY_OUTPUTS.get(row.type, set())


def _nested(prop: Prop, prefix: str) -> list[tuple[str, Prop]]:
    return [pair for inner in prop.fields for pair in [(prefix, inner), *_nested(inner, f"{prefix}.{inner.name}")]]


@ROW
def test_fields_of_blocks_exist_in_the_sdks_input_types(row: Row):
    inputs = importlib.import_module(f"{_module(row.type).__name__}._inputs")
    classes = [cls for name, cls in vars(inputs).items() if isinstance(cls, type) and not name.endswith("Dict")]
    stem = row.type.rsplit(":", 1)[1]
    for prop in row.props:
        if not prop.fields:
            continue
        wanted = {inner.name for inner in prop.fields}
        owners = [cls.__name__ for cls in classes if cls.__name__.startswith(stem) and wanted <= _properties(cls)]
        assert owners, f"{row.type}.{prop.name}: no input class has {sorted(wanted)}"


def _calls(row: Row) -> list[Call]:
    steps = [call for change in row.changes for call in (change.call, change.clear) if call]
    return [call for call in (row.create, row.read, row.delete, *steps) if call]


@ROW
def test_calls_exist_and_take_the_members_that_are_sent(row: Row):
    for call in _calls(row):
        members = set(operation_input(call.service or row.service, call.op).members)
        sent = {row.prop(name).member for name in call.send} | set(call.members)
        assert sent <= members, f"{row.type}: {call.op}"


@ROW
def test_calls_send_each_required_member(row: Row):
    for call in _calls(row):
        shape = operation_input(call.service or row.service, call.op)
        sent = {row.prop(name).member for name in call.send} | set(call.members)
        assert set(shape.required_members) <= sent, f"{row.type}: {call.op}"


@ROW
def test_every_property_can_be_changed_or_replaces(row: Row):
    if row.hooks.update:
        return
    handled = {name for change in row.changes for name in change.props} | {"tags"}
    for name, prop in row.by_name.items():
        assert prop.replace or prop.local or name in handled, f"{row.type}.{name}: a change of it would be ignored"


@ROW
def test_a_row_says_how_it_lives(row: Row):
    assert row.create or row.hooks.create
    assert row.read or row.hooks.read
    assert row.delete or row.hooks.delete
    assert row.create or row.checked_by
    operation_input(row.service, row.create.op if row.create else row.checked_by)


@ROW
def test_names_that_a_row_refers_to_are_its_own(row: Row):
    for name in (name for change in row.changes for name in change.props):
        assert name in row.by_name
    for prop in row.props:
        assert set(prop.conflicts) <= set(row.by_name)
        assert (
            not prop.auto
            or prop.auto.prefix_property in row.by_name
            or row.type.endswith((":User", ":Repository", ":EventTarget", ":Function", ":MetricAlarm"))
        )
    assert set(row.secret_outputs) <= {*row.outputs, *row.once}


@ROW
def test_every_pattern_of_the_services_requests_can_be_checked(row: Row):
    def walk(shape: Any, seen: set[str]) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        if "pattern" in shape.metadata:
            compile_pattern(shape.metadata["pattern"])
        for member in (*getattr(shape, "members", {}).values(), *filter(None, map(shape.__dict__.get, ("member",)))):
            walk(member, seen)

    for call in _calls(row):
        walk(operation_input(call.service or row.service, call.op), set())


@pytest.mark.parametrize("token", INVOKES)
def test_functions_take_arguments_that_the_sdk_has(token: str):
    module, name = token.split(":")[1].split("/")
    source = importlib.import_module("pulumi_aws" if module == "index" else f"pulumi_aws.{module}")
    snake = re.sub("([A-Z])", r"_\1", name).lower()
    parameters = inspect.signature(getattr(source, snake)).parameters
    wanted = {re.sub("([A-Z])", r"_\1", argument).lower() for argument in INVOKES[token][1]}
    assert wanted <= set(parameters)
