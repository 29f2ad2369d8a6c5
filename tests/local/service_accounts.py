"""A cluster's control plane and the AWS side as the platform starts them, in a folder of their own and without a node."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import aws_front, state
from local.cluster import certificates, control_plane, operator
from local.cluster.api import Api
from local.paths import Paths, current
from local.ports import api_address
from local.registry import service
from local.state import PlatformState
from local.supervisor import Part, Supervisor
from tests.local_aws.platform import client_at

OLD_ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class Cluster:
    """What runs. `api` is the administrator's client."""

    folders: Paths
    state: PlatformState
    pki: certificates.Pki
    supervisor: Supervisor
    api: Api

    def apiserver(self) -> Part:
        return control_plane.apiserver(self.folders, self.state, self.pki)

    def apiserver_of_before(self) -> Part:
        """As earlier versions of the platform started it."""
        part = self.apiserver()
        others = (flag for flag in part.argv if not flag.startswith(("--service-account-issuer=", "--api-audiences=")))
        return dataclasses.replace(part, argv=(*others, f"--service-account-issuer={OLD_ISSUER}"))

    def aws(self, authority: Path | None = None) -> Part:
        """The AWS side, which trusts another authority than the cluster's if it is told to."""
        part = aws_front.front(self.folders, self.state)
        return dataclasses.replace(part, argv=(*part.argv, f"--issuer-authority={authority}")) if authority else part

    def start_operator(self) -> None:
        operator.apply(self.folders, self.api, operator.manifests(self.folders, self.state, None))
        self.supervisor.ensure(operator.process(self.folders, self.state, self.pki, self.api))

    def client(self, name: str, key: tuple[str, ...] = ()) -> Any:
        """A client of an AWS service, the deployer's unless a key is given."""
        state = self.state
        used = key or (state.aws_access_key_id, state.aws_secret_access_key)
        return client_at(state.aws_endpoint, name, used, state.region)

    def create(self, path: str, body: dict[str, Any]) -> Any:
        return self.api.request("POST", path, body)

    def service_account(self, namespace: str, name: str, role: str = "") -> None:
        """With the annotation by which ESO finds the role."""
        annotations = {"eks.amazonaws.com/role-arn": role} if role else {}
        body = {"metadata": {"name": name, "annotations": annotations}}
        self.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", body)

    def token(self, namespace: str, name: str, *audiences: str) -> str:
        """A token of a service account, for the API server itself where no audience is named."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return self.create(path, {"spec": {"audiences": list(audiences)}})["status"]["token"]


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@contextmanager
def cluster(home: Path) -> Iterator[Cluster]:
    """Keys, folders and addresses, and nothing started; what was is ended with the block."""
    folders = Paths(home)
    folders.make()
    for name in ("bin", "share"):
        (home / name).rmdir()
    for name in ("bin", "share", "venvs"):
        (home / name).symlink_to(current().home / name)
    aws_front.ensure_environment(folders)
    chosen = state.choose(folders, "no node in tests", frozenset())
    pki = certificates.ensure(folders.kube, chosen.kube_api, api_address(chosen.network))
    made = Cluster(folders, chosen, pki, Supervisor(folders), Api(chosen.kube_api, pki))
    try:
        made.supervisor.ensure(service.registry(folders, chosen))
        made.supervisor.ensure(control_plane.etcd(folders, chosen, pki))
        yield made
    finally:
        # An API server without etcd takes minutes to end by itself.
        for name in ("external-secrets", "kube-apiserver", *made.supervisor.names()):
            made.supervisor.stop(name, seconds=5)
