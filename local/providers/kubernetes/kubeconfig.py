"""Finds the cluster: provider configuration first, then what kubectl would use."""

import ipaddress
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import msgspec
import yaml
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

_FILE_KEYS = {
    "clusters": ("cluster", ("certificate-authority",)),
    "users": ("user", ("client-certificate", "client-key", "tokenFile")),
    "contexts": ("context", ()),
}


class NoCluster(Exception):
    """No usable cluster configuration; the text says why and quotes no credential."""


def _with_absolute_files(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    for section, (inner, keys) in _FILE_KEYS.items():
        for entry in document.get(section) or []:
            body = entry.get(inner) or {}
            body.update({key: str(folder / body[key]) for key in keys if body.get(key)})
    return document


def _parse(text: str, what: str, folder: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        # The parser's own message quotes the text, which holds keys.
        raise NoCluster(f"{what} is not YAML") from None
    if not isinstance(document, dict):
        raise NoCluster(f"{what} is not a kubeconfig")
    return _with_absolute_files(document, folder)


def _merge(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """As kubectl does with several files: the first to set a value or name wins."""
    merged: dict[str, Any] = {"clusters": [], "users": [], "contexts": []}
    for document in documents:
        for section in _FILE_KEYS:
            taken = {entry["name"] for entry in merged[section]}
            merged[section] += [entry for entry in document.get(section) or [] if entry["name"] not in taken]
        merged.setdefault("current-context", document.get("current-context") or None)
        if merged["current-context"] is None:
            del merged["current-context"]
    return merged


def _ambient() -> dict[str, Any] | None:
    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    paths = [path for path in named or [Path.home() / ".kube" / "config"] if path.is_file()]
    if named and not paths:
        raise NoCluster(f"KUBECONFIG names no existing file: {os.environ['KUBECONFIG']}")
    return _merge([_parse(path.read_text(), str(path), path.parent) for path in paths]) if paths else None


def load(kubeconfig: str, context: str, cluster: str) -> SingleConfig:
    """The one cluster, user and namespace to talk to.

    `kubeconfig` is a path or the file's content; empty means KUBECONFIG, ~/.kube/config, then the pod's own service
    account. `context` and `cluster` override what it says. Raises NoCluster."""
    if kubeconfig:
        path = Path(kubeconfig).expanduser() if "\n" not in kubeconfig and len(kubeconfig) < 4096 else None
        if path is not None and path.is_file():
            document = _parse(path.read_text(), str(path), path.parent)
        else:
            document = _parse(kubeconfig, "the kubeconfig given to the provider", Path.cwd())
    else:
        document = _ambient()
    try:
        if document is None:
            return _must_exist(KubeConfig.from_service_account().get())
        if cluster:
            for entry in document.get("contexts") or []:
                entry["context"]["cluster"] = cluster
        return _must_exist(KubeConfig.from_dict(document).get(context or None))
    except KeyError as missing:
        raise NoCluster(f"the kubeconfig has no {missing.args[0]!r}") from None
    except (ConfigError, msgspec.ValidationError) as error:
        raise NoCluster(str(error)) from None


def _must_exist(found: SingleConfig | None) -> SingleConfig:
    if found is None:
        raise NoCluster("the kubeconfig names no current context")
    return found


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def client(config: SingleConfig, timeout: float) -> httpx.Client:
    """An HTTP client that proves itself to the cluster as its kubeconfig says. Raises NoCluster."""
    server = config.cluster.server
    # Go programs never send loopback addresses through a proxy (net/http ProxyFromEnvironment); httpx would.
    parameters = client_adapter.ConnectionParams(timeout=httpx.Timeout(timeout), trust_env=not _is_loopback(server))
    try:
        return client_adapter.Client(config, parameters)
    except (ConfigError, OSError, AssertionError) as error:
        raise NoCluster(f"the credentials of context {config.context_name!r} can't be used: {error}") from None
