"""What the figures were taken on."""

import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.kube import Kube
from local.paths import Paths
from local.tools.families import K8S_ECR_LOGIN_RENEW

_IDLE_WATCH_SECONDS = 2.0


def facts(kube: Kube, folders: Paths) -> dict[str, str]:
    """Machine, date and versions, in words. Raises kube.Refused."""
    peer = K8S_ECR_LOGIN_RENEW
    return {
        **common_facts(kube),
        "everpull": f"Python {platform.python_version()}, boto3 {version('boto3')}",
        peer.name: f"{module_version(peer.module / 'go.mod', peer.packages[0])}, built with {_built_with(folders)}",
    }


def common_facts(kube: Kube) -> dict[str, str]:
    """Those that hold for every measurement. Raises kube.Refused."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{_cores()} cores of {_processor()}, {_memory_gib():.0f} GiB, {platform.system()} {platform.release()}",
        "busy before": f"{busy_share():.0%} of the cores, with the platform",
        "Kubernetes": kube.get("/version")["gitVersion"],
    }


def busy_share() -> float:
    """How much of the cores' time was used during a moment of watching. All processes count, the platform's too."""
    before = _ticks()
    time.sleep(_IDLE_WATCH_SECONDS)
    total, idle = (now - then for now, then in zip(_ticks(), before, strict=True))
    return 1 - idle / total if total else 0.0


def module_version(go_mod: Path, module: str) -> str:
    """The version that a go.mod pins a module to. Raises StopIteration when it doesn't."""
    lines = (line.split() for line in go_mod.read_text().splitlines())
    return next(words[1] for words in lines if words[:1] == [module])


def _ticks() -> tuple[int, int]:
    """All and idle time since boot, of all cores (proc_stat(5))."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _cores() -> int:
    return len([line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]) - 1


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory_gib() -> float:
    first = Path("/proc/meminfo").read_text().splitlines()[0].split()
    return int(first[1]) / 1024 / 1024


def _built_with(folders: Paths) -> str:
    program = folders.bin / K8S_ECR_LOGIN_RENEW.programs[0]
    answer = subprocess.run(["go", "version", program], capture_output=True, text=True, check=False)
    return answer.stdout.strip().rpartition(" ")[2] or "an unknown Go"
