"""Ports and the cluster's network are free when chosen, and stay the same."""

import socket

from local import ports


def listening(port: int = 0, address: str = "127.0.0.1") -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.listen(1)
    return found


def test_every_listener_gets_a_port_of_its_own_and_the_api_server_a_loopback_network() -> None:
    chosen = ports.choose(None, {}, frozenset())
    assert set(chosen.ports) == {*ports.NAMES, "kube-apiserver"}
    high = [chosen.ports[name] for name in ports.NAMES]
    assert len(set(high)) == len(high)
    assert chosen.network.startswith("127.")
    assert chosen.network != "127.0.0"
    assert ports.is_free(chosen.api_port, chosen.address)


def test_ports_stay_the_same_while_they_are_free() -> None:
    first = ports.choose(None, {}, frozenset())
    assert ports.choose(first.network, first.ports, frozenset()) == first


def test_a_port_that_somebody_took_is_chosen_anew_and_the_others_stay() -> None:
    first = ports.choose(None, {}, frozenset())
    with listening(first.ports["etcd"]):
        second = ports.choose(first.network, first.ports, frozenset())
    assert second.ports["etcd"] != first.ports["etcd"]
    assert {**second.ports, "etcd": 0} == {**first.ports, "etcd": 0}


def test_a_port_in_use_by_our_own_living_part_is_kept() -> None:
    first = ports.choose(None, {}, frozenset())
    with listening(first.ports["etcd"]):
        assert ports.choose(first.network, first.ports, frozenset({"etcd"})) == first


def test_another_network_is_taken_when_the_api_servers_address_is() -> None:
    first = ports.choose(None, {}, frozenset())
    with listening(first.api_port, first.address):
        second = ports.choose(first.network, first.ports, frozenset())
        assert (second.network, second.api_port) != (first.network, first.api_port)
        assert ports.is_free(second.api_port, second.address)


def test_a_living_api_server_keeps_its_network() -> None:
    first = ports.choose(None, {}, frozenset())
    with listening(first.api_port, first.address):
        assert ports.choose(first.network, first.ports, frozenset({"kube-apiserver"})) == first


def test_without_port_443_the_api_server_gets_a_high_port_and_keeps_it(monkeypatch) -> None:
    real = ports.is_free
    monkeypatch.setattr(ports, "is_free", lambda port, address="127.0.0.1": port != 443 and real(port, address))
    first = ports.choose(None, {}, frozenset())
    assert first.api_port > 1024
    assert ports.choose(first.network, first.ports, frozenset()) == first
