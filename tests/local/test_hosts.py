"""containerd's way to the ECR stand-in."""

import tomllib

import pytest

from local.paths import Paths
from local.registry.hosts import ecr_host, route_registry_host
from local.state import PlatformState, save


def test_a_registry_host_is_sent_to_the_stand_in_and_never_to_the_real_one(
    folders: Paths, state: PlatformState
) -> None:
    host = ecr_host("123456789012", "eu-west-1")
    content = tomllib.loads(route_registry_host(host, state, folders).read_text())
    # Without `server` containerd would go on to the real host.
    assert content["server"] == state.registry_endpoint
    assert content["host"] == {state.registry_endpoint: {"capabilities": ["pull", "resolve"]}}


def test_the_running_platforms_state_is_taken_when_none_is_given(folders: Paths, state: PlatformState) -> None:
    save(state, folders)
    file = route_registry_host(state.registry_host, folders=folders)
    assert file == folders.registry_hosts / "000000000000.dkr.ecr.eu-central-1.amazonaws.com" / "hosts.toml"


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
        "123456789012.dkr-ecr.eu-west-1.on.aws",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
        "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
        "public.ecr.aws",
    ],
)
def test_every_form_of_host_is_routed_by_its_own_name(host: str, folders: Paths, state: PlatformState) -> None:
    assert route_registry_host(host, state, folders).parent == folders.registry_hosts / host


@pytest.mark.parametrize(
    "host",
    [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com:443",
        "docker.io",
        "../../etc",
        "12.dkr.ecr.eu-west-1.amazonaws.com",
        "x/y",
    ],
)
def test_only_ecr_hosts_are_routed(host: str, folders: Paths, state: PlatformState) -> None:
    with pytest.raises(ValueError, match="is no ECR registry host"):
        route_registry_host(host, state, folders)
