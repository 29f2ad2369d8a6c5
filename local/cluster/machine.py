"""Keeps kubelet's hands off the machine: it runs in a mount namespace in which the fixed places it uses are ours.

kubelet listens on a fixed socket, links every pod's log into a fixed folder and sets kernel parameters for the whole
machine. In its own view those are files of this platform, so the machine, a kubelet that the user has, and another
platform beside this one are not touched.
"""

import contextlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local import procfs
from local.cluster.control_plane import program
from local.paths import Paths
from local.state import write_private
from local.supervisor import PART_MARKER, PLATFORM_MARKER

# Folders whose paths are constants of kubelet (kubelet/pkg/apis/deviceplugin, pkg/kubelet/kubelet.go).
_FOLDERS = (Path("/var/lib/kubelet"), Path("/var/log/containers"))
# What it wants to read in these, else it writes it (pkg/kubelet/cm, setupKernelTunables).
_KERNEL_PARAMETERS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Arguments: pairs of ours and theirs, "--", the command. A mount point's propagation is cut first, or the mounts made
# here would show up on the machine; kubelet's own root stays shared, because containerd needs what is mounted there.
_SCRIPT = """
set -e
cut() { mount --make-private "$(findmnt --noheadings --output TARGET --target "$1")"; }
for place in /proc/sys /var/lib /var/log; do cut "$place"; done
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"""
_NOTE = "made-folders.json"


def prepare(folders: Paths, kubelet_root: Path) -> None:
    """Make what is bound and where it is bound, and share kubelet's root with containerd.

    Raises:
        subprocess.CalledProcessError: mounting is not possible here.
    """
    made = [str(folder) for folder in _FOLDERS if not folder.exists()]
    if made:
        _remember_made(folders.data / _NOTE, made)
    for folder in _FOLDERS:
        folder.mkdir(parents=True, exist_ok=True)
        (folders.data / "node" / folder.name).mkdir(mode=0o700, parents=True, exist_ok=True)
    values = _parameters_folder(folders)
    values.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in _KERNEL_PARAMETERS.items():
        (values / name.replace("/", ".")).write_text(f"{value}\n")
    kubelet_root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if kubelet_root not in procfs.mount_points():
        # Shared, but with nobody else's mounts: a bind of a shared mount shares with the mount it is a part of, and
        # everything mounted in it would appear twice and be busy for ever.
        for how in (["--bind", kubelet_root], ["--make-private"], ["--make-shared"]):
            subprocess.run(["mount", *how, kubelet_root], check=True)


def wrapped(folders: Paths, command: Sequence[str]) -> tuple[str, ...]:
    """The command line that runs `command`, as the same process, in kubelet's view of the machine."""
    bindings = [str(path) for pair in _bindings(folders) for path in pair]
    view = (program("unshare"), "--mount", "--propagation", "unchanged", "/bin/sh", "-c", _SCRIPT, "kubelet-view")
    return (*view, *bindings, "--", *command)


def restore(folders: Paths) -> None:
    """Remove the empty folders that were made to bind on, or leave that to another platform that is bound on them:
    removing a folder ends what is mounted on it in other namespaces."""
    note = folders.data / _NOTE
    if not note.exists():
        return
    made: list[str] = json.loads(note.read_text())
    if heirs := _platforms_with_kubelet() - {folders.home}:
        for heir in heirs:
            _remember_made(heir / "data" / _NOTE, made)
    else:
        for folder in made:
            with contextlib.suppress(OSError):  # gone, or somebody else's by now
                Path(folder).rmdir()
    note.unlink()


def _remember_made(note: Path, made: list[str]) -> None:
    known = json.loads(note.read_text()) if note.exists() else []
    write_private(note, json.dumps(sorted({*known, *made})))


def _platforms_with_kubelet() -> set[Path]:
    """State folders of platforms whose kubelet lives."""
    kubelets = [pid for pid in procfs.all_pids() if procfs.started_with(pid, PART_MARKER) == "kubelet"]
    homes = [procfs.started_with(pid, PLATFORM_MARKER) for pid in kubelets]
    return {Path(home) for home in homes if home}


def _parameters_folder(folders: Paths) -> Path:
    return folders.data / "node" / "kernel-parameters"


def _bindings(folders: Paths) -> list[tuple[Path, Path]]:
    found = [(folders.data / "node" / place.name, place) for place in _FOLDERS]
    for name in _KERNEL_PARAMETERS:
        setting = Path("/proc/sys") / name
        if setting.exists():
            found.append((_parameters_folder(folders) / name.replace("/", "."), setting))
    return found
