"""Socket paths that fit whatever folder a checkout lies in."""

import socket
from pathlib import Path

import pytest

from local import paths
from local.cluster.node import containerd_socket, kubelet_folder
from local.paths import Paths


def deep_folders(top: Path) -> Paths:
    return Paths(top / ("deep" * 15) / ("deeper" * 10))


def test_sockets_lie_in_the_state_folder_when_they_fit() -> None:
    folders = Paths(Path("/checkout/.local"))
    assert folders.sockets == folders.run
    assert kubelet_folder(folders) == folders.data / "kubelet"


def test_every_socket_of_a_deep_state_folder_can_be_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = tmp_path.parent.parent / "t"
    short.mkdir(exist_ok=True)
    monkeypatch.setattr(paths.tempfile, "gettempdir", lambda: str(short))
    folders = deep_folders(tmp_path)
    plugin = kubelet_folder(folders) / "device-plugins" / "kubelet.sock"
    for place in (containerd_socket(folders), containerd_socket(folders).with_suffix(".sock.ttrpc"), plugin):
        place.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))


def test_two_deep_state_folders_do_not_share_their_sockets(tmp_path: Path) -> None:
    assert deep_folders(tmp_path / "a").sockets != deep_folders(tmp_path / "b").sockets


def test_the_state_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPULL_LOCAL_DIR", str(tmp_path / "mine"))
    assert paths.current().home == tmp_path / "mine"
    monkeypatch.delenv("EVERPULL_LOCAL_DIR")
    assert paths.current().home == paths.ROOT / ".local"


def test_nobody_else_may_look_into_the_state_folder(tmp_path: Path) -> None:
    folders = Paths(tmp_path / "state")
    folders.make()
    assert folders.home.stat().st_mode & 0o777 == 0o700


def test_a_socket_folder_that_somebody_else_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths.tempfile, "gettempdir", lambda: str(tmp_path))
    folders = deep_folders(tmp_path)
    folders.sockets.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="is not a folder of your own"):
        folders.make()
