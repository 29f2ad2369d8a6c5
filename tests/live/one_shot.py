"""Runs one script in an image as the CronJob's pod would run: not as root, on a read-only root, with no right at all."""

from dataclasses import dataclass

from lightkube import Client
from lightkube.models.core_v1 import (
    Capabilities,
    Container,
    PodSecurityContext,
    PodSpec,
    SeccompProfile,
    SecurityContext,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from local.driver import workloads


@dataclass(frozen=True)
class Outcome:
    """`succeeded` and what it printed."""

    succeeded: bool
    output: str


def pod(namespace: str, name: str, image: str, script: str) -> Pod:
    """A pod as any cluster takes it under the restricted pod security standard; nothing in it is of this platform."""
    return Pod(
        metadata=ObjectMeta(name=name, namespace=namespace),
        spec=PodSpec(
            containers=[
                Container(
                    name="main",
                    image=image,
                    command=["python3", "-c", script],
                    securityContext=SecurityContext(
                        readOnlyRootFilesystem=True,
                        allowPrivilegeEscalation=False,
                        capabilities=Capabilities(drop=["ALL"]),
                    ),
                )
            ],
            # Whose user it is, the image says.
            securityContext=PodSecurityContext(runAsNonRoot=True, seccompProfile=SeccompProfile(type="RuntimeDefault")),
            restartPolicy="Never",
            automountServiceAccountToken=False,
        ),
    )


def run(kube: Client, namespace: str, name: str, image: str, script: str) -> Outcome:
    """Runs it to its end and takes the pod away. Raises TimeoutError where it does not end."""
    workloads.ensure_namespace(kube, namespace)
    workloads.remove_pod(kube, namespace, name)
    kube.create(pod(namespace, name, image, script))

    def phase() -> str | None:
        status = kube.get(Pod, name, namespace=namespace).status
        return status.phase if status and status.phase in ("Succeeded", "Failed") else None

    try:
        ended = workloads.wait_until(phase, f"pod {namespace}/{name} ended")
        return Outcome(ended == "Succeeded", "".join(kube.log(name, namespace=namespace)))
    finally:
        workloads.remove_pod(kube, namespace, name)
