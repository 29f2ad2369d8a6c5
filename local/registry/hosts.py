"""Sends containerd to the ECR stand-in for registry hosts by their real names.

containerd 1.6 looks for a folder per host in its `config_path` at every pull, without a restart, and adds `?ns=HOST`
to what it asks of another host, so the stand-in knows which registry is meant (containerd, docs/hosts.md).
"""

from pathlib import Path

from local import paths
from local.aws import registry_hosts
from local.state import PlatformState, load


def ecr_host(account: str, region: str) -> str:
    """The registry host of an account and region."""
    return f"{account}.dkr.ecr.{region}.amazonaws.com"


def route_registry_host(host: str, state: PlatformState | None = None, folders: paths.Paths | None = None) -> Path:
    """Route `host`, of whichever form or ECR Public's, to the running platform's stand-in; gives the file written.

    Raises:
        ValueError: `host` isn't the name of an ECR registry.
        local.state.StateError: no `state` given and no platform up.
    """
    # A port would be a part of the folder's name.
    if host != registry_hosts.PUBLIC and (":" in host or registry_hosts.parse(host) is None):
        raise ValueError(f"{host!r} is no ECR registry host (ACCOUNT.dkr.ecr.REGION.amazonaws.com)")
    folders = folders or paths.current()
    endpoint = (state or load(folders)).registry_endpoint
    target = folders.registry_hosts / host / "hosts.toml"
    target.parent.mkdir(parents=True, exist_ok=True)
    # `server` is named too: without it containerd would try the real host after the first refusal.
    target.write_text(f'server = "{endpoint}"\n\n[host."{endpoint}"]\n  capabilities = ["pull", "resolve"]\n')
    return target
