"""Removes what containerd and kubelet leave on the machine when they end: containers, mounts, groups, links.

Only what is reached from this platform's own folders is touched; a user's own containerd and kubelet keep theirs.
"""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from local import procfs
from local.cluster import machine
from local.cluster.node import containerd_socket, kubelet_folder
from local.paths import Paths
from local.supervisor import end

_CGROUPS = Path("/sys/fs/cgroup")
# containerd's CRI puts containers into /NAMESPACE/ID; it has one namespace, by this name.
_NAMESPACE = "k8s.io"
_SHIM_SOCKETS = Path("/run/containerd/s")


class LeftoversError(Exception):
    """Something could not be removed; the text names it."""


def forget_last_boot(folders: Paths) -> None:
    """Drop the run-time state of containers of an earlier boot: none of them lives, and containerd expects it in a
    folder that a boot empties."""
    mark = folders.data / "boot-id"
    if mark.exists() and mark.read_text() != procfs.boot_id():
        for name in ("state", "runc"):
            shutil.rmtree(folders.data / "containerd" / name, ignore_errors=True)
    mark.write_text(procfs.boot_id())


def remove(folders: Paths) -> None:
    """End all containers and take away what they, containerd and kubelet left. Both must have been stopped.

    Raises:
        LeftoversError: a mount or a control group stays.
    """
    containers = _container_ids(folders)
    sockets = _shim_socket_files(folders)
    _end_containers(containers)
    end(lambda: _shims(folders), 2.0)
    for path in [*sockets, *_dead_sockets()]:
        path.unlink(missing_ok=True)
    _unmount_below([folders.home, kubelet_folder(folders), folders.sockets])
    _remove_control_groups(containers)
    for name in ("state", "runc"):
        shutil.rmtree(folders.data / "containerd" / name, ignore_errors=True)
    # Only empty ones: another containerd may live here too.
    for folder in (_SHIM_SOCKETS, _SHIM_SOCKETS.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()
    machine.restore(folders)


def has_containers(folders: Paths) -> bool:
    """Whether containers of this platform may be alive."""
    return bool(_shims(folders))


def _container_ids(folders: Paths) -> list[str]:
    data = folders.data / "containerd"
    places = (data / "state" / "io.containerd.runtime.v2.task" / _NAMESPACE, data / "runc" / _NAMESPACE)
    return sorted({entry.name for place in places if place.is_dir() for entry in place.iterdir()})


def _shims(folders: Paths) -> list[int]:
    """containerd's helpers, one a pod: known by the address of the containerd that they report to."""
    address = str(containerd_socket(folders))
    return [
        pid
        for pid in procfs.all_pids()
        if (words := procfs.argv(pid)) and "containerd-shim" in words[0] and address in words and procfs.identity(pid)
    ]


def _shim_socket_files(folders: Paths) -> list[Path]:
    found: list[Path] = []
    for file in (folders.data / "containerd" / "state").glob("io.containerd.runtime.v2.task/*/*/address"):
        with contextlib.suppress(OSError):
            found.append(Path(file.read_text().strip().removeprefix("unix://")))
    return [path for path in found if path.parent == _SHIM_SOCKETS]


def _dead_sockets() -> list[Path]:
    """Sockets of helpers that were killed: containerd forgets where they were, and nobody can use them any more."""
    found: list[Path] = []
    for path in _SHIM_SOCKETS.iterdir() if _SHIM_SOCKETS.is_dir() else []:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(path))
            except ConnectionRefusedError:
                found.append(path)
            except OSError:
                continue
    return found


def _groups(container: str) -> list[Path]:
    """A container's control groups: one in each hierarchy of v1, one in v2, deepest first."""
    tops = [_CGROUPS / _NAMESPACE / container, *_CGROUPS.glob(f"*/{_NAMESPACE}/{container}")]
    folders = [folder for top in tops if top.is_dir() for folder in [top, *(p for p in top.rglob("*") if p.is_dir())]]
    return sorted(folders, key=lambda folder: len(folder.parts), reverse=True)


def _end_containers(containers: list[str]) -> None:
    def processes() -> list[int]:
        found: set[int] = set()
        for container in containers:
            for group in _groups(container):
                with contextlib.suppress(OSError):
                    found.update(map(int, (group / "cgroup.procs").read_text().split()))
        return sorted(pid for pid in found if procfs.identity(pid))

    end(processes, 3.0)


def _remove_control_groups(containers: list[str]) -> None:
    for container in containers:
        _retry(lambda name=container: _remove_folders(_groups(name)), f"control groups of container {container}")
    for parent in (_CGROUPS / _NAMESPACE, *_CGROUPS.glob(f"*/{_NAMESPACE}")):
        with contextlib.suppress(OSError):  # not empty: another containerd's
            parent.rmdir()


def _remove_folders(folders: list[Path]) -> bool:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not any(folder.exists() for folder in folders)


def mounts_below(tops: list[Path]) -> list[Path]:
    """Mount points inside `tops`, the innermost first."""
    found = [point for point in procfs.mount_points() if any(point.is_relative_to(top) for top in tops)]
    return sorted(found, key=lambda point: len(point.parts), reverse=True)


def _unmount_below(tops: list[Path]) -> None:
    def unmount() -> bool:
        for point in mounts_below(tops):
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
        return not mounts_below(tops)

    _retry(unmount, f"mounts below {', '.join(map(str, tops))}")


def _retry(done: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise LeftoversError(f"cannot remove {what}")
        time.sleep(0.1)
