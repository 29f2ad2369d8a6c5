"""The AWS side as a part of the platform: ministack and the ECR stand-in, one process (`local.aws`)."""

from local.apt import SYSTEM_PATH
from local.aws import venv
from local.cluster import issuer
from local.cluster.certificates import Pki
from local.cluster.control_plane import http_health
from local.paths import Paths
from local.ports import LOOPBACK
from local.state import PlatformState
from local.supervisor import Part
from local.tunnel.routes import proxy_variables, trust_variables


def ensure_environment(folders: Paths) -> str:
    """Build the emulator's virtual environment where it is missing or outdated; gives "built" or "kept"."""
    stamp = folders.ministack / "requirements.sha256"
    before = stamp.read_text() if stamp.exists() else None
    venv.ensure(folders.ministack)
    return "kept" if stamp.read_text() == before else "built"


def front(folders: Paths, state: PlatformState) -> Part:
    """The access key goes by the environment: arguments are for all to read."""
    variables = {**proxy_variables(state.https_proxy), **trust_variables(folders.authority)}
    return Part(
        "aws",
        (
            str(folders.ministack / "bin" / "python"),
            "-m",
            "local.aws",
            f"--port={state.ports['aws']}",
            f"--registry-port={state.ports['ecr-registry']}",
            f"--backend-registry={state.backend_registry}",
            f"--data-dir={folders.data / 'aws'}",
            f"--account={state.account}",
            f"--region={state.region}",
            f"--issuer={state.issuer}={issuer.keys_url(state)}",
            f"--issuer-authority={Pki(folders.kube).authority}",
            *(f"--function-variable={name}={value}" for name, value in variables.items()),
        ),
        http_health(LOOPBACK, state.ports["aws"], "/_everpull/health"),
        {
            "PATH": SYSTEM_PATH,
            "PYTHONPATH": str(folders.root),
            "PYTHONUNBUFFERED": "1",
            "AWS_ACCESS_KEY_ID": state.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": state.aws_secret_access_key,
        },
        inputs=(folders.root / "local" / "aws", folders.ministack / "requirements.sha256"),
        stop_seconds=20,
    )
