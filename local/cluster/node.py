"""containerd and kubelet as parts of the platform, with everything of theirs kept inside its own folders."""

import datetime
import os
import socket
import subprocess
import sys
from pathlib import Path

import yaml

from local.cluster import machine
from local.cluster.api import Api
from local.cluster.certificates import Pki
from local.cluster.control_plane import SYSTEM_PATH, http_health, program
from local.paths import Paths
from local.ports import LOOPBACK, api_address
from local.state import PlatformState, write_private
from local.supervisor import Part
from local.tunnel.routes import proxy_variables, trust_variables

# Pods use the host's network, for which no plugin is called. containerd wants a network nevertheless, and sets up a
# loopback of its own before it: so the platform's one plugin goes by that name and says what is wrong with the pod.
# The protocol is CNI 0.4.0's.
_CNI_PLUGIN = """#!/bin/sh
case $CNI_COMMAND in
VERSION) echo '{"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0"]}' ;;
ADD) echo '{"cniVersion": "0.4.0", "code": 100, "msg": "this node has no pod network: set hostNetwork: true"}'; exit 1 ;;
esac
"""


def obstacle() -> str:
    """Why no node can run on this machine; empty when one can. Missing packages are apt's business, not looked at."""
    if sys.platform != "linux":
        return "a kubelet needs Linux"
    if os.geteuid() != 0:
        return "containerd and kubelet need root (run `python -m local up` as root)"
    controllers = Path("/sys/fs/cgroup")
    if not os.access(controllers, os.W_OK) or not any(controllers.iterdir()):
        return f"{controllers} is not writable: containers need control groups"
    tried = subprocess.run([program("unshare"), "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"containers need mount namespaces, which are refused here ({tried.stderr.strip()})"
    return ""


def containerd_socket(folders: Paths) -> Path:
    return folders.sockets / "containerd.sock"


def kubelet_folder(folders: Paths) -> Path:
    """kubelet's root; beside the sockets, because it puts some of its own in there."""
    return folders.sockets / "kubelet" if folders.sockets != folders.run else folders.data / "kubelet"


def write_containerd_config(folders: Paths, state: PlatformState, sandbox_image: str) -> Path:
    """Write containerd's configuration (version 2, for 1.6) and give its path."""
    data = folders.data / "containerd"
    cni = data / "cni"
    cni.mkdir(mode=0o700, parents=True, exist_ok=True)
    (cni / "none.conf").write_text('{"cniVersion": "0.4.0", "name": "none", "type": "loopback"}\n')
    plugin = cni / "bin" / "loopback"
    plugin.parent.mkdir(mode=0o700, exist_ok=True)
    plugin.write_text(_CNI_PLUGIN)
    plugin.chmod(0o700)
    snapshotter = "native" if _file_system(folders.data) == "overlay" else "overlayfs"
    target = folders.kube / "containerd.toml"
    write_private(
        target,
        f"""version = 2
root = "{data / "root"}"
state = "{data / "state"}"
# A user's own containerd has these.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{containerd_socket(folders)}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{data / "opt"}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  stream_server_address = "{LOOPBACK}"
  stream_server_port = "{state.ports["containerd-stream"]}"
  # Without it runc dies where scores may not be lowered ("can't get final child's PID from pipe").
  restrict_oom_score_adj = true
  # Profiles would be loaded into the kernel and stay.
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugin.parent}"
    conf_dir = "{cni}"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folders.registry_hosts}"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{program("runc")}"
        # runc's own state, otherwise in /run.
        Root = "{data / "runc"}"
        SystemdCgroup = false
""",
    )
    return target


def containerd(folders: Paths, state: PlatformState, config: Path) -> Part:
    """It asks ECR Public for a bearer token by that registry's own name, whatever host serves the images."""
    address = containerd_socket(folders)

    def healthy() -> str | None:
        return None if _accepts(address) else f"{address} does not answer"

    return Part(
        "containerd",
        (program("containerd"), "--config", str(config), "--log-level", "warn"),
        healthy,
        {"PATH": SYSTEM_PATH, **proxy_variables(state.https_proxy), **trust_variables(folders.authority)},
        inputs=(config, folders.authority),
        keeps_children=True,
    )


def _accepts(socket_path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        try:
            client.connect(str(socket_path))
        except OSError:
            return False
    return True


def _file_system(folder: Path) -> str:
    """The type of file system that holds `folder`; overlayfs cannot be stacked on itself as a snapshotter's store."""
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount_point, found = line.split()[:3]
        inside = folder == Path(mount_point) or Path(mount_point) in folder.parents
        if inside and len(mount_point) >= len(best):
            best, kind = mount_point, found
    return kind


def kubelet(folders: Paths, state: PlatformState, pki: Pki) -> Part:
    """kubelet under the name of the cluster's address.

    A node name that is an IP address is taken as the node's address without the check that refuses loopback, so the
    API server reaches kubelet there and nothing depends on the machine's network.
    """
    address = api_address(state.network)
    root = kubelet_folder(folders)
    resolv_conf = folders.kube / "resolv.conf"
    # Pods look nothing up outside: this address refuses at once.
    resolv_conf.write_text(f"nameserver {LOOPBACK}\n")
    config = folders.kube / "kubelet.yaml"
    content = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": state.ports["kubelet"],
        "healthzBindAddress": LOOPBACK,
        "healthzPort": state.ports["kubelet-health"],
        "tlsCertFile": str(pki.certificate("serving")),
        "tlsPrivateKeyFile": str(pki.key("serving")),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki.authority)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{containerd_socket(folders)}",
        "resolvConf": str(resolv_conf),
        "podLogsDir": str(folders.log / "pods"),
        "volumePluginDir": str(root / "volume-plugins"),
        # Control groups are left to containerd, so that kubelet makes none of its own and works on v1 and v2.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        # Neither a full disk of the developer's nor its file system's kind is the node's business.
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # The machine's iptables stay as they are.
        "makeIPTablesUtilChains": False,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "crashLoopBackOff": {"maxContainerRestartPeriod": "5s"},
        "shutdownGracePeriod": "0s",
    }
    write_private(config, yaml.safe_dump(content))
    return Part(
        "kubelet",
        machine.wrapped(
            folders,
            (
                str(folders.bin / "kubelet"),
                f"--config={config}",
                f"--kubeconfig={pki.kubeconfig('kubelet')}",
                f"--root-dir={root}",
                f"--cert-dir={root / 'pki'}",
                f"--hostname-override={address}",
            ),
        ),
        http_health(LOOPBACK, state.ports["kubelet-health"], "/healthz"),
        {"PATH": SYSTEM_PATH},
        inputs=(folders.bin / "kubelet", config, pki.certificate("kubelet"), pki.authority),
    )


def not_ready(api: Api, name: str, since: float) -> str | None:
    """None when the node is ready and its kubelet has reported after `since` (seconds since the epoch), else why not.

    The Node object alone is no proof: it goes on saying what kubelet said last. kubelet renews its Lease at its start
    and every 10 seconds.
    """
    lease = api.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
    renewed = lease and lease["spec"].get("renewTime")
    if not renewed or datetime.datetime.fromisoformat(renewed).timestamp() < since:
        return "kubelet has not reported to the API server"
    node = api.get(f"/api/v1/nodes/{name}")
    for condition in node["status"].get("conditions", []) if node else []:
        if condition["type"] == "Ready":
            return None if condition["status"] == "True" else condition["message"]
    return "the node has not registered"
