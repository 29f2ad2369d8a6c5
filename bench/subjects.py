"""The two programs, each as its own documentation has its pod run."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import ground
from bench.ground import Account, Place
from local.paths import ROOT
from local.tools.families import K8S_ECR_LOGIN_RENEW

# As in everpull's CronJob mode: only its own Secret, by name.
EVERPULL = Account(
    "everpull-bench",
    (
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["bench-everpull"],
            "verbs": ["get", "create", "patch"],
        },
    ),
)
# As in its example/service-account.yml.
PEER = Account(
    "peer-bench",
    ({"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "update", "get", "delete"]},),
)


@dataclass(frozen=True)
class Surroundings:
    """What both have in common. `proxy` is the way to AWS, `bundle` the authorities to trust there."""

    folder: Path
    api_host: str
    api_port: int
    proxy: str
    bundle: Path
    region: str
    registry: str
    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The API server is in NO_PROXY, as an address for those who compare names and as a network for those who don't."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "KUBERNETES_SERVICE_HOST": self.api_host,
            "KUBERNETES_SERVICE_PORT": str(self.api_port),
            "HTTPS_PROXY": self.proxy,
            "NO_PROXY": f"{self.api_host},127.0.0.0/8",
            "AWS_CA_BUNDLE": str(self.bundle),
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@dataclass(frozen=True)
class Subject:
    """A program that is ready to be run; `service_account` is the folder that its pod would find under /var/run."""

    name: str
    secret: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    service_account: Path


def everpull(surroundings: Surroundings, places: Sequence[Place], service_account: Path) -> Subject:
    """The CronJob's entry, on this Python and its boto3.

    Its code is mounted from a ConfigMap, on a read-only root: nothing keeps compiled modules from one run to the next.
    """
    folder = surroundings.folder / "everpull"
    code = folder / "code"
    shutil.rmtree(folder, ignore_errors=True)
    (code / "refresher").mkdir(parents=True)
    for module in sorted((ROOT / "lambda_src" / "refresher").glob("*.py")):
        shutil.copyfile(module, code / "refresher" / module.name)
    secret = EVERPULL.rules[0]["resourceNames"][0]
    targets = folder / "targets.json"
    targets.write_text(json.dumps(_targets(secret, places)))
    environment = {
        **surroundings.environment,
        "PYTHONPATH": str(code),
        "PYTHONDONTWRITEBYTECODE": "1",
        "EVERPULL_REGISTRIES": surroundings.registry,
        "EVERPULL_TARGETS": str(targets),
    }
    return Subject("everpull", secret, (sys.executable, "-m", "refresher"), environment, service_account)


def peer(surroundings: Surroundings, places: Sequence[Place], service_account: Path, programs: Path) -> Subject:
    """github.com/nabsul/k8s-ecr-login-renew, told its namespaces one by one, which spares it a list of all."""
    secret = "bench-peer"  # noqa: S105 - its name
    environment = {
        **surroundings.environment,
        "DOCKER_SECRET_NAME": secret,
        "TARGET_NAMESPACE": ",".join(place.namespace for place in places),
    }
    program = programs / K8S_ECR_LOGIN_RENEW.programs[0]
    return Subject("peer", secret, (str(program),), environment, service_account)


def _targets(secret: str, places: Sequence[Place]) -> dict[str, object]:
    """The file that everpull's CronJob mode mounts."""
    return {
        "secretName": secret,
        "labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "bench"},
        "adopt": False,
        "namespaces": [
            {
                "name": place.namespace,
                "owner": {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "Role",
                    "name": EVERPULL.name,
                    "uid": place.roles[EVERPULL.name],
                },
            }
            for place in places
        ],
        "selector": None,
    }


def write_service_account(folder: Path, token: str, authority: str) -> Path:
    """The files that a pod finds in /var/run/secrets/kubernetes.io/serviceaccount, readable by their owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in (("token", token), ("ca.crt", authority), ("namespace", ground.SYSTEM)):
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(text)
    return folder
