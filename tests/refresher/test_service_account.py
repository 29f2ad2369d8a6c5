"""The pod's service account: what is needed of it, and that its token is never an old one."""

import os
from pathlib import Path

import pytest
from refresher.errors import ConfigurationError
from refresher.service_account import ServiceAccount

from tests.refresher.fakes import CANARY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As kubelet lays it out: the files are links into a folder that it exchanges as a whole."""
    rotate(tmp_path, "first")
    (tmp_path / "token").symlink_to("..data/token")
    (tmp_path / "ca.crt").symlink_to("..data/ca.crt")
    return tmp_path


def rotate(folder: Path, token: str) -> None:
    """What kubelet does when a token is about to end."""
    new = folder / f"..{token[:10]}"
    new.mkdir()
    (new / "token").write_text(token)
    (new / "ca.crt").write_text("authority")
    (folder / "..new").symlink_to(new.name)
    (folder / "..new").replace(folder / "..data")


def environment(folder: Path, **changes: str) -> dict[str, str]:
    usual = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    return {**usual, "EVERPULL_SERVICE_ACCOUNT": str(folder), **changes}


def test_everything_is_where_a_pod_has_it(folder: Path) -> None:
    account = ServiceAccount(environment(folder))
    assert (account.host, account.port, account.token()) == ("10.96.0.1", 443, "first")
    assert account.authority == folder / "ca.crt"


def test_a_token_that_kubelet_exchanged_is_the_one_that_is_sent(folder: Path) -> None:
    account = ServiceAccount(environment(folder))
    rotate(folder, "second")
    assert account.token() == "second"
    assert not account.reload()


def test_a_file_that_did_not_change_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = ServiceAccount(environment(folder))
    monkeypatch.setattr(Path, "open", None)
    assert account.token() == "first"


def test_a_reload_tells_whether_there_is_another_token(folder: Path) -> None:
    account = ServiceAccount(environment(folder))
    assert not account.reload()
    file = folder / "..data" / "token"
    before = file.stat()
    # Same size, same time: only reading shows it.
    file.write_text("thirs")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert account.token() == "first"
    assert account.reload()
    assert account.token() == "thirs"


@pytest.mark.parametrize("content", ["", "two words", "line\nbreak", "tökén"])
def test_a_file_that_holds_no_token_does_not_take_the_place_of_one(folder: Path, content: str) -> None:
    account = ServiceAccount(environment(folder))
    (folder / "..data" / "token").write_text(content)
    assert account.token() == "first"
    assert not account.reload()


def test_a_file_that_is_gone_leaves_the_last_token(folder: Path) -> None:
    account = ServiceAccount(environment(folder))
    (folder / "token").unlink()
    assert account.token() == "first"
    assert not account.reload()


def test_blanks_around_a_token_are_not_sent(folder: Path) -> None:
    rotate(folder, "second\n")
    assert ServiceAccount(environment(folder)).token() == "second"


def test_an_address_in_brackets_is_an_address(folder: Path) -> None:
    assert ServiceAccount(environment(folder, KUBERNETES_SERVICE_HOST="[fd00::1]")).host == "fd00::1"


@pytest.mark.parametrize(
    "changes",
    [
        {"KUBERNETES_SERVICE_HOST": ""},
        {"KUBERNETES_SERVICE_PORT": ""},
        {"KUBERNETES_SERVICE_PORT": "tcp://10.96.0.1:443"},
    ],
)
def test_outside_a_cluster_it_says_what_is_missing(folder: Path, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"):
        ServiceAccount(environment(folder, **changes))


def test_all_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ServiceAccount({"EVERPULL_SERVICE_ACCOUNT": str(tmp_path)})
    assert str(caught.value).count("; ") == 5
    assert f"{tmp_path}/ca.crt does not exist" in str(caught.value)
    assert f"{tmp_path}/token holds no token" in str(caught.value)


def test_without_a_folder_it_is_the_one_that_every_pod_has() -> None:
    with pytest.raises(ConfigurationError, match="/serviceaccount/token holds no token"):
        ServiceAccount({})


def test_a_token_that_cannot_be_sent_is_not_quoted(folder: Path) -> None:
    (folder / "..data" / "token").write_text(f"{CANARY} {CANARY}")
    with pytest.raises(ConfigurationError) as caught:
        ServiceAccount(environment(folder))
    assert CANARY not in str(caught.value)
