"""A stack that does nothing but put a pull secret into namespaces and attach it, and pods to see what came of it."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from tempfile import TemporaryDirectory
from typing import Any

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.admissionregistration_v1 import MutatingWebhook, RuleWithOperations, WebhookClientConfig
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, LocalObjectReference, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, ServiceAccount

from local.driver import aws, workloads
from local.driver.stack import Result, Stack
from local.paths import ROOT
from local.state import PlatformState
from tests.refresher.certificates import certificate

PROGRAM = Path(__file__).parent / "attach_program"


@dataclass
class AttachStack:
    """The stack, its pull secret's name, and an image that needs it."""

    state: PlatformState
    kube: Client
    stack: Stack
    config: dict[str, object]
    secret: str
    image: str

    def up(self, **more: object) -> Result:
        """With other keys than the last time."""
        self.config = {**self.config, **{f"attach:{key}": value for key, value in more.items()}}
        self.stack.configure({key: value for key, value in self.config.items() if value is not None})
        return self.stack.up()

    def set_secret(self, key: str, value: str) -> None:
        """Encrypts a key of the configuration, until `up` sets others."""
        where = ["--stack", self.stack.name, "--config-file", str(self.stack.config_file)]
        self.stack._run(["config", "set", "--secret", *where, key, value])

    def secrets_of(self, namespace: str, image: str | None = None, **spec: Any) -> list[str]:
        """The pull secrets of a new pod, asked for in a dry run. Raises ApiError."""
        containers = spec.pop("containers", [Container(name="main", image=image or self.image)])
        metadata = ObjectMeta(name="new", namespace=namespace, annotations=spec.pop("annotations", None))
        made = self.kube.create(
            Pod(metadata=metadata, spec=PodSpec(containers=containers, **spec)), namespace=namespace, dry_run=True
        )
        return listed(made.spec.imagePullSecrets if made.spec else None)

    def deploys(self, namespace: str, name: str, **spec: Any) -> workloads.Pull:
        """How the pod of a Deployment that names no pull secret fares; the Deployment is removed again."""
        labels = {"app": name}
        template = PodTemplateSpec(
            metadata=ObjectMeta(labels=labels),
            spec=PodSpec(
                containers=[Container(name="main", image=self.image, imagePullPolicy="Always")],
                terminationGracePeriodSeconds=1,
                automountServiceAccountToken=False,
                **spec,
            ),
        )
        self.kube.create(
            Deployment(
                metadata=ObjectMeta(name=name, namespace=namespace),
                spec=DeploymentSpec(selector=LabelSelector(matchLabels=labels), template=template),
            )
        )
        try:
            return workloads.wait_until(lambda: self._outcome(namespace, labels), f"{name} pulls or is refused")
        finally:
            self.kube.delete(Deployment, name, namespace=namespace)
            workloads.wait_until(
                lambda: not list(self.kube.list(Pod, namespace=namespace, labels=dict(labels))), f"{name} is gone"
            )

    def _outcome(self, namespace: str, labels: Mapping[str, str]) -> workloads.Pull | None:
        for pod in self.kube.list(Pod, namespace=namespace, labels=dict(labels)):
            if outcome := workloads.pull_outcome(self.kube, pod):
                return workloads.Pull(*outcome, 0)
        return None

    def account(self, namespace: str, name: str = "default") -> list[str]:
        """The pull secrets that a service account lists."""
        return listed(self.kube.get(ServiceAccount, name, namespace=namespace).imagePullSecrets)


def listed(secrets: Sequence[LocalObjectReference] | None) -> list[str]:
    return [str(item.name) for item in secrets or []]


def make_account(kube: Client, namespace: str, name: str, *secrets: str, **annotations: str) -> None:
    """A service account with a list of its own, in place of an earlier one."""
    remove(kube, ServiceAccount, name, namespace)
    kube.create(
        ServiceAccount(
            metadata=ObjectMeta(name=name, namespace=namespace, annotations=annotations or None),
            imagePullSecrets=[LocalObjectReference(name=secret) for secret in secrets],
        )
    )


def remove(kube: Client, kind: Any, name: str, namespace: str | None = None) -> None:
    """Deletes what may be gone already, and waits for that."""
    where = {"namespace": namespace} if namespace else {}

    def gone() -> bool:
        try:
            kube.get(kind, name, **where)
        except ApiError as error:
            return error.status.code == 404
        return False

    if not gone():
        kube.delete(kind, name, **where)
        workloads.wait_until(gone, f"{kind.__name__} {name} is gone")


@contextmanager
def attach_stack(
    state: PlatformState,
    kube: Client,
    name: str,
    namespaces: Sequence[str],
    environment: Mapping[str, str] | None = None,
    **more: object,
) -> Iterator[AttachStack]:
    """A stack with the keys of its program, before its first `up`. Destroyed afterwards."""
    for namespace in namespaces:
        workloads.ensure_namespace(kube, namespace)
    image = aws.seed_image(state, "attach/app", "1", "hello from attach")
    token = aws.client(state, "ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    config: dict[str, object] = {
        "attach:pullSecretName": f"everpull-{name}",
        "attach:namespaces": list(namespaces),
        # It belongs to a test platform, and a secret in a stack file would have to be encrypted first.
        "attach:dockerConfig": json.dumps({"auths": {state.registry_host: {"auth": token}}}),
        **{f"attach:{key}": value for key, value in more.items()},
    }
    stack = Stack(state, name, config, environment={"PYTHONPATH": str(ROOT), **(environment or {})}, project=PROGRAM)
    stack.init()
    try:
        yield AttachStack(state, kube, stack, config, f"everpull-{name}", image)
    finally:
        stack.destroy()
        stack.remove()


@contextmanager
def rewriting(kube: Client, namespace: str, old: str, new: str) -> Iterator[None]:
    """A webhook that sends a namespace's pods from one registry to another, as those that put a mirror in front do."""
    made = certificate("127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _rewriter(old, new))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_text(made.key + made.chain, encoding="utf-8")
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    name = f"rewrites-{namespace}"
    hook = MutatingWebhook(
        name="rewrites.everpull.example",
        admissionReviewVersions=["v1"],
        sideEffects="None",
        failurePolicy="Fail",
        timeoutSeconds=5,
        namespaceSelector=LabelSelector(matchLabels={"kubernetes.io/metadata.name": namespace}),
        rules=[RuleWithOperations(apiGroups=[""], apiVersions=["v1"], operations=["CREATE"], resources=["pods"])],
        clientConfig=WebhookClientConfig(
            url=f"https://127.0.0.1:{server.server_port}/", caBundle=base64.b64encode(made.authority.encode()).decode()
        ),
    )
    kube.create(MutatingWebhookConfiguration(metadata=ObjectMeta(name=name), webhooks=[hook]))
    try:
        yield
    finally:
        kube.delete(MutatingWebhookConfiguration, name)
        server.shutdown()
        thread.join()
        server.server_close()


def _rewriter(old: str, new: str) -> Callable[..., BaseHTTPRequestHandler]:
    class Rewriter(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            patch = [
                {
                    "op": "replace",
                    "path": f"/spec/containers/{index}/image",
                    "value": container["image"].replace(old, new, 1),
                }
                for index, container in enumerate(request["object"]["spec"]["containers"])
                if container["image"].startswith(f"{old}/")
            ]
            response: dict[str, object] = {"uid": request["uid"], "allowed": True}
            if patch:
                encoded = base64.b64encode(json.dumps(patch).encode()).decode()
                response |= {"patchType": "JSONPatch", "patch": encoded}
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Rewriter
