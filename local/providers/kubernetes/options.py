"""The provider's configuration, as `pulumi_kubernetes.ProviderArgs` and `kubernetes:` stack settings give it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.providers.common.diff import Change, DiffResult, compare
from local.providers.common.provider import ProviderError
from local.providers.common.values import Unknown, Value, reveal
from local.providers.kubernetes import kubeconfig

# Each with the environment variable that stands in when it isn't set.
_SWITCHES = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
}
_TEXTS = ("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier")
# These only silence messages that this stand-in doesn't write.
_WITHOUT_EFFECT = ("suppressDeprecationWarnings", "suppressHelmHookWarnings")
# The engine's own.
_ENGINE = ("version", "pluginDownloadURL", "pluginChecksums", "__internal")
# The settings that say which cluster it is.
_PLACE = ("kubeconfig", "context", "cluster")
_CLIENT = "kubeClientSettings"
_DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True)
class Options:
    """How to reach the cluster and how to treat it; `timeout` is seconds for one request."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    timeout: float = _DEFAULT_TIMEOUT
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    patch_force: bool = False
    upsert: bool = False
    mutable_config_maps: bool = False
    mutable_secrets: bool = False


def faults(config: Mapping[str, Value]) -> list[tuple[str, str]]:
    """What this stand-in can't do with the configuration, as (property, reason)."""
    known = {*_SWITCHES, *_TEXTS, *_WITHOUT_EFFECT, *_ENGINE, _CLIENT}
    found = [
        (key, f"{key} is not supported by the local stand-in for the kubernetes provider")
        for key, value in config.items()
        if key not in known and reveal(value) not in (None, "", False, "false")
    ]
    apply = config.get("enableServerSideApply")
    if not isinstance(apply, Unknown) and not _switch(config, "enableServerSideApply", True):
        found.append(("enableServerSideApply", "enableServerSideApply can't be switched off in the local stand-in"))
    settings = _client_settings(config)
    found += [
        (_CLIENT, f"{_CLIENT}.{key} is not supported by the local stand-in") for key in settings if key != "timeout"
    ]
    return found


def parse(config: Mapping[str, Value]) -> Options:
    """The configuration as given. Raises ProviderError naming what isn't supported."""
    wrong = faults(config)
    if wrong:
        raise ProviderError("; ".join(reason for _, reason in wrong))
    text = {key: _text(config.get(key)) for key in _TEXTS}
    return Options(
        kubeconfig=text["kubeconfig"],
        context=text["context"],
        cluster=text["cluster"],
        namespace=text["namespace"],
        timeout=float(_client_settings(config).get("timeout") or _DEFAULT_TIMEOUT),
        delete_unreachable=_switch(config, "deleteUnreachable", False),
        skip_update_unreachable=_switch(config, "skipUpdateUnreachable", False),
        patch_force=_switch(config, "enablePatchForce", False),
        upsert=_switch(config, "upsertExistingObjects", False),
        mutable_config_maps=_switch(config, "enableConfigMapMutable", False),
        mutable_secrets=_switch(config, "enableSecretMutable", False),
    )


def diff(old: Mapping[str, Value], new: Mapping[str, Value]) -> DiffResult:
    """What a changed configuration means for the objects made with it: new objects when it speaks of another cluster. With
    a `clusterIdentifier` on both sides only that tells, else the server and authority of the active context."""
    identifiers = reveal(old.get("clusterIdentifier")), reveal(new.get("clusterIdentifier"))
    if all(identifiers):
        replacing = {"clusterIdentifier"} if identifiers[0] != identifiers[1] else set()
    else:
        clusters = _active_cluster(old), _active_cluster(new)
        moved = None not in clusters and clusters[0] != clusters[1]
        unknown = any(isinstance(reveal(new.get(key)), Unknown) for key in _PLACE)
        replacing = set(_PLACE) if moved or unknown else set()
    changes = [change for change in compare(dict(old), dict(new)) if change.path[0] not in _ENGINE]
    return DiffResult([Change(c.path, c.kind, c.path[0] in replacing) for c in changes])


def _active_cluster(config: Mapping[str, Value]) -> object:
    text = {key: _text(config.get(key)) for key in _PLACE}
    if not text["kubeconfig"]:
        return None
    try:
        return kubeconfig.load(text["kubeconfig"], text["context"], text["cluster"]).cluster
    except kubeconfig.NoCluster:
        return None


def _text(value: Value) -> str:
    value = reveal(value)
    if isinstance(value, Mapping):
        # A kubeconfig may be given as an object.
        return json.dumps(value)
    return value if isinstance(value, str) else ""


def _switch(config: Mapping[str, Value], key: str, default: bool) -> bool:
    value = reveal(config.get(key))
    if value is None:
        value = os.environ.get(_SWITCHES[key])
    # SDKs send every value that isn't a string as its JSON text.
    return default if value is None else value in (True, "true")


def _client_settings(config: Mapping[str, Value]) -> Mapping[str, Any]:
    settings = reveal(config.get(_CLIENT))
    if isinstance(settings, str) and settings:
        settings = json.loads(settings)
    return {k: v for k, v in settings.items() if v is not None} if isinstance(settings, Mapping) else {}
