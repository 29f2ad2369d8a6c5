"""An HTTP client of the cluster that a kubeconfig and a context name."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx2
import yaml
from lightkube import KubeConfig
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.core.exceptions import ConfigError

# Asks for an object's metadata alone, so that a Secret's data never comes here (Kubernetes API concepts, Receiving resources
# as Tables and metadata-only fetches).
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Unreachable(Exception):
    """The cluster cannot be asked: no usable kubeconfig, no answer, credentials refused, or not a Kubernetes API."""


def connect(kubeconfig: str | None, context: str | None, timeout: float) -> httpx2.Client:
    """A client whose requests take paths and may take `timeout` seconds each. Raises Unreachable.

    `kubeconfig` is contents or a path, as the provider takes it; None means KUBECONFIG, else the default file. Without a
    `context` it is the current one.
    """
    try:
        config = _kubeconfig(kubeconfig).get(context)
        if config is None or config.user is None:
            raise Unreachable("the kubeconfig's context names no user")
        return Client(config, ConnectionParams(timeout=httpx2.Timeout(timeout)))
    except (ConfigError, OSError, LookupError, TypeError, ValueError, yaml.YAMLError) as error:
        # The type alone: a kubeconfig holds credentials, and a parser's message may quote its lines.
        raise Unreachable(f"no usable kubeconfig ({type(error).__name__})") from None


@contextmanager
def answering(path: str) -> Generator[None]:
    """Turns whatever keeps a request from being answered into Unreachable, which names the path and quotes nothing."""
    try:
        yield
    except (httpx2.HTTPError, ConfigError, OSError) as error:
        raise Unreachable(f"{type(error).__name__} on {path}") from None


def _kubeconfig(given: str | None) -> KubeConfig:
    """KUBECONFIG may list several files; the first that names a thing wins (kubectl docs, Organizing cluster access)."""
    if given is not None:
        text = given if "\n" in given or given.lstrip().startswith("{") else Path(given).expanduser().read_text("utf-8")
        return _config(yaml.safe_load(text), None if text is given else Path(given).expanduser())
    listed = [
        Path(part).expanduser() for part in os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep) if part
    ]
    files = [path for path in listed if path.is_file()]
    if not files:
        raise FileNotFoundError
    merged: dict[str, object] = {}
    lists: dict[str, dict[str, object]] = {"clusters": {}, "contexts": {}, "users": {}}
    for path in files:
        content = cast(dict[str, object], yaml.safe_load(path.read_text("utf-8")) or {})
        if content.get("current-context"):
            merged.setdefault("current-context", content["current-context"])
        for kind, found in lists.items():
            for item in cast(list[dict[str, object]], content.get(kind) or []):
                found.setdefault(str(item["name"]), item)
    merged.update({kind: list(found.values()) for kind, found in lists.items()})
    return _config(merged, files[0])


def _config(content: dict[str, object], path: Path | None) -> KubeConfig:
    return KubeConfig.from_dict(content, fname=path)  # pyright: ignore[reportUnknownMemberType] - untyped upstream
