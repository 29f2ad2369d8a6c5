"""platform.json and the environment made from it."""

import dataclasses
import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

from local import env, ports
from local.paths import Paths
from local.state import PlatformState, StateError, choose, load, save


def test_the_state_is_read_back_as_written_and_its_file_is_the_owners_alone(
    folders: Paths, state: PlatformState
) -> None:
    save(state, folders)
    assert load(folders) == state
    assert folders.state_file.stat().st_mode & 0o777 == 0o600


def test_without_a_platform_the_error_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="run `python -m local up` first"):
        load(Paths(tmp_path))


def test_a_state_file_of_another_version_is_refused(folders: Paths, state: PlatformState) -> None:
    folders.state_file.write_text(json.dumps({**dataclasses.asdict(state), "moon": "full"}))
    with pytest.raises(StateError, match="not a state file of this version"):
        load(folders)


def test_a_state_of_before_the_refreshers_image_is_read(folders: Paths, state: PlatformState) -> None:
    content = dataclasses.asdict(state)
    del content["refresher_image"]
    folders.state_file.write_text(json.dumps(content))
    assert load(folders).refresher_image == ""


def test_the_refreshers_image_is_known_as_long_as_the_registry_keeps_its_address(folders: Paths) -> None:
    before = dataclasses.replace(choose(folders, "", frozenset()), refresher_image="127.0.0.1:1/refresher@sha256:0")
    save(before, folders)
    assert choose(folders, "", frozenset()).refresher_image == before.refresher_image
    save(dataclasses.replace(before, backend_registry="http://127.0.0.1:1"), folders)
    assert choose(folders, "", frozenset()).refresher_image == ""


def test_the_secret_key_is_not_in_the_states_text(state: PlatformState) -> None:
    assert state.aws_secret_access_key not in repr(state)


def test_a_shell_gets_every_value_exactly(folders: Paths, state: PlatformState) -> None:
    script = env.shell(state, folders) + 'printf "%s" "$AWS_SECRET_ACCESS_KEY"'
    out = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert out == state.aws_secret_access_key


def test_registries_are_reached_by_their_own_names_by_who_asks_for_that(folders: Paths, state: PlatformState) -> None:
    ask = 'printf "%s" "${HTTPS_PROXY-none} ${AWS_CA_BUNDLE-none}"'
    told = [
        subprocess.run(
            ["sh", "-c", env.shell(state, folders, with_registries=wanted) + ask],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "/bin"},
        ).stdout
        for wanted in (False, True)
    ]
    assert told == ["none none", f"{state.https_proxy} {folders.authority}"]


def test_a_persons_own_aws_profile_is_taken_out_of_the_way(folders: Paths, state: PlatformState) -> None:
    script = env.shell(state, folders) + 'printf "%s" "${AWS_PROFILE-unset}"'
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"AWS_PROFILE": "work", "PATH": "/bin"}
    )
    assert done.stdout == "unset"


def test_our_programs_come_first_on_the_path_and_only_once(
    folders: Paths, state: PlatformState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"/usr/bin:{folders.bin}:/bin")
    path = env.environment(state, folders)["PATH"].split(":")
    assert path[1:] == [str(folders.bin), str(folders.plugins), "/usr/bin", "/bin"]


def test_everything_a_client_needs_is_there(folders: Paths, state: PlatformState) -> None:
    found = env.environment(state, folders)
    needed = (
        *("PATH", "KUBECONFIG", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
        *("AWS_DEFAULT_REGION", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"),
    )
    assert set(needed) <= set(found)
    assert found["PULUMI_SKIP_UPDATE_CHECK"] == "true"
    # What clients keep is the platform's too, and not in the person's home.
    kept = ("KUBECACHEDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "PULUMI_HOME")
    assert all(Path(found[name]).is_relative_to(folders.home) for name in kept)
    assert found["PULUMI_BACKEND_URL"].startswith("file://")


def test_credentials_are_made_once_and_look_like_aws_ones(folders: Paths) -> None:
    first = choose(folders, "", frozenset())
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", first.aws_access_key_id)
    save(first, folders)
    assert choose(folders, "", frozenset()) == first


def test_why_no_node_runs_is_kept_with_the_state(folders: Paths) -> None:
    found = choose(folders, "no root here", frozenset())
    assert (found.node, found.node_reason) == (False, "no root here")


def test_a_cluster_with_data_does_not_move_to_another_network(folders: Paths, state: PlatformState) -> None:
    before = choose(folders, "", frozenset())
    save(before, folders)
    (folders.data / "etcd").mkdir()
    with socket.socket() as taken:
        taken.bind((ports.api_address(before.network), 443))
        taken.listen(1)
        with pytest.raises(StateError, match=rf"{before.network}.1:443, where .* taken by another program"):
            choose(folders, "", frozenset())
