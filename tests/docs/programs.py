"""What a command of the documentation may be, by its program. A command that is not known here is refused."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec

import botocore.session
from botocore import xform_name

from local import paths
from settings import schema
from tests.docs.pages import ROOT

Words = Sequence[str]
# So is written what a reader puts in: STACK, KEY-ID, STATE-BUCKET.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z-]+")
_NESTED = re.compile(r"\$\((.+?)\)")


class UnknownCommand(ValueError):
    """The command is none that is known here, or names something that isn't there."""


def check(words: Words, *, whole: bool = True) -> None:
    """Raises UnknownCommand. Of what is not `whole`, a command that a sentence only names, nothing has to be given."""
    for nested in _NESTED.findall(" ".join(words)):
        check(nested.split())
    program, *rest = words
    # Python's programs may be of any environment.
    match = PROGRAMS.get(program) or PROGRAMS.get(program.rpartition("/bin/")[2])
    if match is None:
        raise UnknownCommand(
            f"{program} is no program of the documentation: teach tests/docs/programs.py how it is checked"
        )
    try:
        match(rest, whole)
    except UnknownCommand as reason:
        raise UnknownCommand(f"{' '.join(words)}: {reason}") from None


@cache
def outputs() -> frozenset[str]:
    """Names of stack outputs: whatever the program gives a text for a name to."""
    sources = [ROOT / "__main__.py", *(ROOT / "modes").glob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))]
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    return frozenset(key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _pulumi(words: Words, whole: bool) -> None:
    flags, rest = _flags(words, _VALUED.__contains__)
    named = next((known for known in _PULUMI if rest[: len(known)] == list(known)), None)
    if named is None:
        raise UnknownCommand("is no command of pulumi's that the documentation uses")
    _need(flags, _flags_of(_pulumi_itself(), *named))
    left = rest[len(named) :]
    if whole:
        _count(left, _PULUMI[named])
    if named == ("stack", "output") and left and left[0] not in outputs():
        raise UnknownCommand(f"no mode has an output {left[0]}")
    if named[0] == "config" and left and not _is_key(left[0]):
        raise UnknownCommand(f"there is no key {left[0]}")


_VALUED = frozenset({"--file", "--stack", "--secrets-provider", "--policy-pack"})


def _pulumi_itself() -> str:
    """The platform's, or one that was there already."""
    found = shutil.which("pulumi", path=f"{paths.current().bin}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise RuntimeError("pulumi is missing: run `python -m local.tools pulumi`")
    return found


# What is given besides, at the least and the most.
_PULUMI: dict[tuple[str, ...], tuple[int, int]] = {
    ("config", "rm"): (1, 1),
    ("config", "set"): (2, 2),
    ("stack", "change-secrets-provider"): (1, 1),
    ("stack", "export"): (0, 0),
    ("stack", "import"): (0, 0),
    ("stack", "init"): (1, 1),
    ("stack", "ls"): (0, 0),
    ("stack", "output"): (0, 1),
    ("stack",): (0, 0),
    ("destroy",): (0, 0),
    ("login",): (0, 1),
    ("preview",): (0, 0),
    ("refresh",): (0, 0),
    ("up",): (0, 0),
}
# Keys of the providers, by which account and cluster are chosen.
_PROVIDERS = frozenset({"aws:region", "aws:profile", "kubernetes:context", "kubernetes:kubeconfig"})


def _is_key(text: str) -> bool:
    project, _, key = text.partition(":")
    name = re.sub(r"\[\d+\]$", "", key)
    return (project == schema.PROJECT and name in schema.KEYS) or text in _PROVIDERS or bool(_PLACEHOLDER.match(text))


def _aws(words: Words, whole: bool) -> None:
    """Held to what botocore says of the service: operations, members, required ones (AWS CLI Reference)."""
    flags, rest = _flags(words, _is_no_switch)
    if tuple(rest[:2]) in _AWS_OWN:
        _need(flags, _AWS_OWN[(rest[0], rest[1])])
        return
    session = botocore.session.get_session()
    if rest[0] not in session.get_available_services():
        raise UnknownCommand(f"AWS has no service {rest[0]}")
    model = session.get_service_model(rest[0])
    operation = next((name for name in model.operation_names if _kebab(name) == rest[1]), None)
    if operation is None:
        raise UnknownCommand(f"{rest[0]} has no operation {rest[1]}")
    shape = model.operation_model(operation).input_shape
    members = {f"--{_kebab(name)}" for name in shape.members} if shape else set[str]()
    _need(flags, members | _AWS_COMMON)
    missing = {f"--{_kebab(name)}" for name in shape.required_members} - {*flags} if shape and whole else set[str]()
    if missing:
        raise UnknownCommand(f"lacks {' and '.join(sorted(missing))}")


_AWS_COMMON = frozenset({"--cli-binary-format", "--output", "--query", "--region"})
_AWS_OWN = {("logs", "tail"): frozenset({"--follow", "--since"})}


def _kebab(name: str) -> str:
    return xform_name(name, "-")


def _kubectl(words: Words, whole: bool) -> None:
    flags, rest = _flags(words, _is_no_switch)
    if not rest or rest[0] not in _KUBECTL:
        raise UnknownCommand("is no command of kubectl's that the documentation uses")
    _need(flags, _KUBECTL[rest[0]] | {"--namespace"})
    patch = flags.get("--patch")
    if patch:
        json.loads(patch)
    kind = rest[2] if rest[0] in ("rollout", "config", "create") and len(rest) > 2 else rest[1].partition("/")[0]
    if rest[0] in _OF_KINDS and kind not in _KINDS:
        raise UnknownCommand(f"{kind} is no kind that the documentation names")
    if whole and rest[0] in _OF_KINDS and len(rest) < 3:
        raise UnknownCommand("names no object")


_KUBECTL = {
    "config": frozenset[str](),
    "create": frozenset({"--from"}),
    "delete": frozenset({"--cascade"}),
    "describe": frozenset[str](),
    "edit": frozenset[str](),
    "get": frozenset({"-o"}),
    "logs": frozenset[str](),
    "patch": frozenset({"--patch"}),
    "rollout": frozenset[str](),
    "scale": frozenset({"--replicas"}),
    "wait": frozenset({"--for"}),
}
_OF_KINDS = frozenset({"delete", "describe", "edit", "get", "patch", "rollout", "scale"})
_KINDS = frozenset(
    {
        *("crd", "cronjob", "deployment", "job", "namespace", "pod", "secret", "serviceaccount"),
        *("clusterexternalsecret", "clustergenerator", "externalsecret", "secretstore", "secretproviderclass"),
    }
)


def _helm(words: Words, whole: bool) -> None:
    flags, rest = _flags(words, _is_no_switch)
    match rest:
        case ["upgrade", *named] if not whole or len(named) == 2:
            _need(flags, {"--install", "--namespace", "--create-namespace", "--reuse-values", "--set"})
        case ["uninstall", *named] if not whole or len(named) == 1:
            _need(flags, {"--namespace"})
        case _:
            raise UnknownCommand("is no command of helm's that the documentation uses")


def _make(words: Words, whole: bool) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    targets = phony[1].split() if phony else []
    if words[0] not in targets:
        raise UnknownCommand(f"there is no target {words[0]}")
    rule = makefile.partition(f"\n{words[0]}:")[2].partition("\n\n")[0]
    if whole and ("(STACK" in rule) != (len(words) == 2 and words[1].startswith("STACK=")):
        raise UnknownCommand("is told a stack where there is none to tell, or not told one")


def _python(words: Words, whole: bool) -> None:
    match words:
        case ["-m", "venv", folder] if (ROOT / folder).parent.is_dir():
            return
        case ["-m", "pytest", *files] if files and all((ROOT / file).exists() for file in files):
            return
        case ["-m", module, *given] if (ROOT / module.partition(".")[0]).is_dir() and find_spec(module) is not None:
            flags, rest = _flags(given)
            is_command = bool(given) and not given[0].startswith("-") and not _PLACEHOLDER.fullmatch(given[0])
            first = rest[:1] if is_command else []
            _need(flags, _flags_of(sys.executable, "-m", module, *first))
        case _:
            raise UnknownCommand("is no module of everpull's")


def _pip(words: Words, whole: bool) -> None:
    match words:
        case ["install", "-r", file] if (ROOT / file).is_file():
            return
        case _:
            raise UnknownCommand("installs anything but a file of requirements that is there")


def _one_of(*known: tuple[str, ...]) -> Callable[[Words, bool], None]:
    """Only just these words; `*` stands for any one."""

    def match(words: Words, whole: bool) -> None:
        fits = [
            len(each) == len(words) and all(a in ("*", b) for a, b in zip(each, words, strict=True)) for each in known
        ]
        if whole and not any(fits):
            raise UnknownCommand("is none of the forms that the documentation uses")

    return match


PROGRAMS: dict[str, Callable[[Words, bool], None]] = {
    "aws": _aws,
    "cd": _one_of(("everpull",)),
    # What it is told is looked at by itself.
    "eval": _one_of(("*",)),
    "export": _one_of(("AWS_PROFILE=my-profile",)),
    "git": _one_of(("clone", "<this", "repository>", "everpull"), ("pull",), ("checkout", "*")),
    "helm": _helm,
    "kubectl": _kubectl,
    "make": _make,
    "pip": _pip,
    "minikube": _one_of(("addons", "disable", "*")),
    "pulumi": _pulumi,
    "python": _python,
    "python3": _python,
}


def _flags(words: Words, takes_value: Callable[[str], bool] = lambda _: False) -> tuple[dict[str, str], list[str]]:
    """Flags with their values, and the other words. The word behind a flag without `=` is its value if it takes one."""
    flags: dict[str, str] = {}
    rest: list[str] = []
    waiting = ""
    for word in words:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            flags[name] = value
            waiting = name if not value and takes_value(name) else ""
        elif waiting:
            flags[waiting], waiting = word, ""
        else:
            rest.append(word)
    return flags, rest


def _is_no_switch(flag: str) -> bool:
    return flag not in ("--install", "--create-namespace", "--reuse-values", "--follow")


def _need(flags: dict[str, str], known: frozenset[str] | set[str]) -> None:
    unknown = sorted({*flags} - known)
    if unknown:
        raise UnknownCommand(f"there is no {' and no '.join(unknown)}")


def _count(words: Words, most: tuple[int, int]) -> None:
    if not most[0] <= len(words) <= most[1]:
        raise UnknownCommand(f"is told {len(words)} things, and takes {most[0]} to {most[1]}")


@cache
def _flags_of(*command: str) -> frozenset[str]:
    """What a program says of itself."""
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    if done.returncode:
        raise UnknownCommand(f"{' '.join(command)} --help failed: {done.stderr.strip()}")
    return frozenset(re.findall(r"(?<![\w-])--?[a-z][\w-]*", done.stdout))
