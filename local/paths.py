"""The folders of the local platform, all under one state folder that git ignores."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# sockaddr_un.sun_path holds 108 bytes with its final NUL (unix(7)); the longest name that any part appends to a socket
# folder is kubelet's "device-plugins/kubelet.sock", under its own "kubelet/" folder.
_LONGEST_SOCKET_NAME = len("/kubelet/device-plugins/kubelet.sock")
_LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True)
class Paths:
    """Where everything of one platform lives. `home` is the state folder; two platforms differ only in it."""

    home: Path
    root: Path = ROOT

    @property
    def bin(self) -> Path:
        """Built tools."""
        return self.home / "bin"

    @property
    def share(self) -> Path:
        """Files taken out of the modules the tools were built from (CRDs, chart), so that no cache must stay."""
        return self.home / "share"

    @property
    def stamps(self) -> Path:
        return self.home / "stamps"

    @property
    def ministack(self) -> Path:
        """The emulator's own virtual environment."""
        return self.home / "venvs" / "ministack"

    @property
    def run(self) -> Path:
        """Process records, and sockets when their paths are short enough."""
        return self.home / "run"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def kube(self) -> Path:
        """Certificates, kubeconfigs and the parts' configuration files."""
        return self.home / "kube"

    @property
    def authority(self) -> Path:
        """The certificate of who vouches for AWS's host names here; its key is beside it."""
        return self.home / "tunnel" / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.kube / "admin.kubeconfig"

    @property
    def registry_hosts(self) -> Path:
        """containerd's `registry.config_path`: a folder per registry host."""
        return self.home / "registry-hosts"

    @property
    def pulumi(self) -> Path:
        return self.home / "pulumi"

    @property
    def pulumi_state(self) -> Path:
        """The file backend's folder."""
        return self.pulumi / "state"

    @property
    def pulumi_home(self) -> Path:
        return self.pulumi / "home"

    @property
    def helm(self) -> Path:
        """What Helm keeps for a person's shell."""
        return self.home / "helm"

    @property
    def plugins(self) -> Path:
        """Wrapper scripts by the names the engine looks for."""
        return self.home / "plugins"

    @property
    def state_file(self) -> Path:
        return self.home / "platform.json"

    @property
    def sockets(self) -> Path:
        """A folder whose sockets fit into a socket address.

        Normally `run`; when the state folder lies too deep, a folder of ours in the system's temporary folder, which
        `down` removes.
        """
        if len(os.fsencode(self.run)) + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH:
            return self.run
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"everpull-{name}"

    def make(self) -> None:
        """Create the folders; only the owner may look inside, because keys and logs are in them.

        Raises:
            PermissionError: one of them is somebody else's.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            *(self.bin, self.share, self.stamps, self.run, self.log, self.data, self.kube, self.registry_hosts),
            *(self.plugins, self.pulumi, self.pulumi_state, self.pulumi_home, self.sockets),
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a folder that all may write to, somebody else may have been first.
        status = self.sockets.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(f"{self.sockets} is not a folder of your own")


def current() -> Paths:
    """The platform of this checkout, or the one that EVERPULL_LOCAL_DIR names."""
    chosen = os.environ.get("EVERPULL_LOCAL_DIR")
    return Paths(Path(chosen).expanduser().resolve() if chosen else ROOT / ".local")
