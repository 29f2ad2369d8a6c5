"""Certificates, configuration files and rendered rights of the cluster."""

import json
import ssl
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from local.cluster import certificates, leftovers, node, operator
from local.paths import Paths, current
from local.state import PlatformState


def test_certificates_are_made_once_and_again_for_another_address(folders: Paths) -> None:
    pki = certificates.ensure(folders.kube, "https://127.70.0.1:443", "127.70.0.1")
    before = pki.authority.read_bytes(), pki.service_account_key.read_bytes()
    certificates.ensure(folders.kube, "https://127.70.0.1:443", "127.70.0.1")
    assert pki.authority.read_bytes() == before[0]
    certificates.ensure(folders.kube, "https://127.71.0.1:443", "127.71.0.1")
    assert pki.authority.read_bytes() != before[0]
    # Tokens of pods that run stay good.
    assert pki.service_account_key.read_bytes() == before[1]


def test_the_kubelets_certificate_names_the_node_as_its_authoriser_wants(folders: Paths) -> None:
    pki = certificates.ensure(folders.kube, "https://127.70.0.1:443", "127.70.0.1")
    subject = x509.load_pem_x509_certificate(pki.certificate("kubelet").read_bytes()).subject
    assert subject.rfc4514_string() == "CN=system:node:127.70.0.1,O=system:nodes"


def test_keys_are_their_owners_alone(folders: Paths) -> None:
    pki = certificates.ensure(folders.kube, "https://127.70.0.1:443", "127.70.0.1")
    for file in (pki.key("ca"), pki.key("admin"), pki.service_account_key, pki.kubeconfig("admin")):
        assert file.stat().st_mode & 0o777 == 0o600


def test_the_servers_certificate_holds_for_the_names_in_cluster_clients_use(folders: Paths) -> None:
    pki = certificates.ensure(folders.kube, "https://127.70.0.1:443", "127.70.0.1")
    certificate = x509.load_pem_x509_certificate(pki.certificate("serving").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default" in names.get_values_for_type(x509.DNSName)
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "127.70.0.1"}
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.authority))
    tls.load_cert_chain(pki.certificate("serving"), pki.key("serving"))


def test_containerds_configuration_keeps_everything_in_our_folders(folders: Paths, state: PlatformState) -> None:
    file = node.write_containerd_config(folders, state, "127.0.0.1:1/pause@sha256:0")
    config = tomllib.loads(file.read_text())
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    home = str(folders.home)
    kept = [
        config["root"],
        config["state"],
        cri["registry"]["config_path"],
        cri["cni"]["conf_dir"],
        cri["cni"]["bin_dir"],
    ]
    kept.append(cri["containerd"]["runtimes"]["runc"]["options"]["Root"])
    kept.append(config["plugins"]["io.containerd.internal.v1.opt"]["path"])
    assert all(path.startswith(home) for path in kept)
    assert cri["sandbox_image"] == "127.0.0.1:1/pause@sha256:0"
    assert cri["restrict_oom_score_adj"] is True


def test_a_pod_without_the_hosts_network_is_told_what_to_set(folders: Paths, state: PlatformState) -> None:
    config = tomllib.loads(node.write_containerd_config(folders, state, "x").read_text())
    plugin = Path(config["plugins"]["io.containerd.grpc.v1.cri"]["cni"]["bin_dir"]) / "loopback"
    done = subprocess.run([plugin], env={"CNI_COMMAND": "ADD"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["msg"] == "this node has no pod network: set hostNetwork: true"


def test_the_kubelet_runs_on_loopback_in_its_own_view_of_the_machine(folders: Paths, state: PlatformState) -> None:
    pki = certificates.ensure(folders.kube, state.kube_api, "127.70.0.1")
    (folders.bin / "kubelet").touch()
    part = node.kubelet(folders, state, pki)
    config = yaml.safe_load((folders.kube / "kubelet.yaml").read_text())
    assert config["address"] == "127.70.0.1"
    assert config["healthzBindAddress"] == "127.0.0.1"
    assert "--hostname-override=127.70.0.1" in part.argv
    assert "/var/lib/kubelet" in part.argv
    assert "/proc/sys/kernel/panic" in part.argv


_IN_VIEW = """
import pathlib, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", sys.argv[1]], check=True)
print(pathlib.Path("/proc/sys/kernel/panic").read_text().strip())
pathlib.Path("/proc/sys/kernel/panic").write_text("77")
pathlib.Path("/var/log/containers/link").write_text("x")
"""
_ON_MACHINE = """
import subprocess, sys
from pathlib import Path
from local.cluster import leftovers, machine
from local.paths import Paths
folders = Paths(Path(sys.argv[1]))
root = folders.data / "kubelet"
volume = root / "volume"
for _ in range(2):
    machine.prepare(folders, root)
volume.mkdir()
before = Path("/proc/sys/kernel/panic").read_text()
subprocess.run(machine.wrapped(folders, (sys.executable, "-c", sys.argv[2], str(volume))), check=True)
assert Path("/proc/sys/kernel/panic").read_text() == before
assert not Path("/var/log/containers/link").exists()
assert (folders.data / "node" / "containers" / "link").exists()
# What is mounted below kubelet's root is there for containerd, and once: twice, it could never be removed again.
found = leftovers.mounts_below([folders.home])
assert found == [volume, root], found
leftovers.remove(folders)
assert leftovers.mounts_below([folders.home]) == []
"""


@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_kubelets_view_of_the_machine_is_its_own_and_its_mounts_are_not(folders: Paths, propagation: str) -> None:
    # As on machines that share their mounts (systemd's do) and on such that don't.
    machine_like = ["unshare", "--mount", "--propagation", propagation, sys.executable, "-c", _ON_MACHINE]
    done = subprocess.run(
        [*machine_like, str(folders.home), _IN_VIEW], capture_output=True, text=True, check=False, cwd=folders.root
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")


def test_mount_points_with_blanks_are_read_right(tmp_path: Path) -> None:
    point = tmp_path / "a b"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    try:
        assert leftovers.mounts_below([tmp_path]) == [point]
    finally:
        subprocess.run(["umount", point], check=True)


def test_the_operator_is_not_given_its_rights_by_the_administrator(state: PlatformState) -> None:
    deployment = operator.manifests(current(), state, "127.0.0.1:1/eso@sha256:0")[-1]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "external-secrets"
    assert pod["hostAliases"][0] == {"ip": "127.70.0.1", "hostnames": ["kubernetes.default", "kubernetes.default.svc"]}
    environment = {entry["name"]: entry["value"] for entry in pod["containers"][0]["env"]}
    assert environment["AWS_ENDPOINT_URL"] == state.aws_endpoint
    assert not any(name.startswith("AWS_ACCESS") for name in environment)
    assert [m["kind"] for m in operator.manifests(current(), state, None)].count("Deployment") == 0
