"""Debian's docker-registry as a part of the platform: where images lie, behind the ECR stand-in."""

import yaml

from local.cluster.control_plane import SYSTEM_PATH, http_health, program
from local.paths import Paths
from local.ports import LOOPBACK
from local.state import PlatformState, write_private
from local.supervisor import Part


def registry(folders: Paths, state: PlatformState) -> Part:
    """An open registry on loopback: who may pull is the stand-in's business, this one is for seeding."""
    config = folders.kube / "registry.yaml"
    port = state.ports["registry"]
    content = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folders.data / "registry")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"{LOOPBACK}:{port}", "relativeurls": True, "secret": "everpull-local"},
    }
    write_private(config, yaml.safe_dump(content))
    return Part(
        "registry",
        (program("docker-registry"), "serve", str(config)),
        http_health(LOOPBACK, port, "/v2/"),
        {"PATH": SYSTEM_PATH, "OTEL_TRACES_EXPORTER": "none"},
        inputs=(config,),
    )
