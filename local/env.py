"""The environment in which a person's clients, the demo and the tests speak to the platform."""

import os
import shlex
import sys
from pathlib import Path

from local import helm, paths
from local.ports import api_address
from local.state import PlatformState
from local.tunnel.routes import proxy_variables, trust_variables

# State files of the local backend are encrypted with it; a fixed word, because nothing real is behind them.
_PASSPHRASE = "local"  # noqa: S105


def environment(state: PlatformState, folders: paths.Paths | None = None) -> dict[str, str]:
    """Variables to add to an environment. PATH is the current one with the platform's folders put first."""
    folders = folders or paths.current()
    first = [str(Path(sys.prefix) / "bin"), str(folders.bin), str(folders.plugins)]
    rest = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder not in first]
    return {
        "PATH": os.pathsep.join(first + rest),
        "KUBECONFIG": state.kubeconfig,
        # kubectl would keep what it learns of this cluster in the person's home.
        "KUBECACHEDIR": str(folders.kube / "cache"),
        **helm.homes(folders.helm),
        "AWS_ENDPOINT_URL": state.aws_endpoint,
        "AWS_ACCESS_KEY_ID": state.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": state.aws_secret_access_key,
        "AWS_REGION": state.region,
        "AWS_DEFAULT_REGION": state.region,
        # No client may fall back to the machine's own cloud role.
        "AWS_EC2_METADATA_DISABLED": "true",
        "PULUMI_HOME": str(folders.pulumi_home),
        "PULUMI_BACKEND_URL": folders.pulumi_state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": _PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


# A person's own settings that would win over ours.
UNSET = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
)


def registries(state: PlatformState, folders: paths.Paths | None = None) -> dict[str, str]:
    """Variables by which registries are reached by their own names as well, and over HTTPS nothing but AWS's names."""
    folders = folders or paths.current()
    proxy = proxy_variables(state.https_proxy, api_address(state.network))
    return {**proxy, **trust_variables(folders.authority)}


def shell(state: PlatformState, folders: paths.Paths | None = None, *, with_registries: bool = False) -> str:
    """The environment as lines for a POSIX shell's `eval`."""
    variables = environment(state, folders) | (registries(state, folders) if with_registries else {})
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([f"unset {' '.join(UNSET)}", *exports]) + "\n"
