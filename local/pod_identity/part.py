"""The agent as a part of the platform."""

import sys

from local.apt import SYSTEM_PATH
from local.cluster.control_plane import http_health
from local.cluster.pod_identity import CLUSTER
from local.paths import Paths
from local.pod_identity.agent import HEALTH
from local.ports import LOOPBACK
from local.state import PlatformState
from local.supervisor import Part


def agent(folders: Paths, state: PlatformState) -> Part:
    """Run by the Python of whoever brings the platform up, which has boto3. The access key goes by the environment."""
    port = state.ports["pod-identity"]
    return Part(
        "pod-identity-agent",
        (
            sys.executable,
            "-m",
            "local.pod_identity",
            f"--port={port}",
            f"--aws={state.aws_endpoint}",
            f"--region={state.region}",
            f"--cluster={CLUSTER}",
            f"--kube-api={state.kube_api}",
            f"--pki={folders.kube}",
        ),
        http_health(LOOPBACK, port, HEALTH),
        {
            "PATH": SYSTEM_PATH,
            "PYTHONPATH": str(folders.root),
            "PYTHONUNBUFFERED": "1",
            "AWS_ACCESS_KEY_ID": state.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": state.aws_secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        inputs=(folders.root / "local" / "pod_identity", folders.root / "local" / "cluster" / "pod_identity.py"),
    )
