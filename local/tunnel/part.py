"""The proxy as a part of the platform."""

import sys

from local.apt import SYSTEM_PATH
from local.cluster.control_plane import http_health
from local.paths import Paths
from local.ports import LOOPBACK
from local.state import PlatformState
from local.supervisor import Part
from local.tunnel.proxy import HEALTH


def tunnel(folders: Paths, state: PlatformState) -> Part:
    """Run by the Python of whoever brings the platform up, which has `cryptography`."""
    sources = ("tunnel", "aws/registry_hosts.py", "ports.py", "state.py")
    return Part(
        "tunnel",
        (
            sys.executable,
            "-m",
            "local.tunnel",
            f"--port={state.ports['tunnel']}",
            f"--aws={state.aws_endpoint}",
            f"--registry={state.registry_endpoint}",
            f"--authority={folders.authority.parent}",
        ),
        http_health(LOOPBACK, state.ports["tunnel"], HEALTH),
        {"PATH": SYSTEM_PATH, "PYTHONPATH": str(folders.root), "PYTHONUNBUFFERED": "1"},
        inputs=(*(folders.root / "local" / source for source in sources), folders.authority),
    )
