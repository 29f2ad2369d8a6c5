"""Somebody edits or deletes the pull secret: ESO puts it back."""

import pytest
from lightkube.resources.core_v1 import Secret

from local.driver import aws
from local.driver.workloads import wait_until
from tests.live.deployment import Deployment


def test_an_edited_pull_secret_is_put_back(deployed: Deployment) -> None:
    namespace, name = deployed.namespaces[0], deployed.outputs["pullSecretName"]
    broken = {"data": {".dockerconfigjson": "e30="}}
    deployed.kube.patch(Secret, name, broken, namespace=namespace)
    wait_until(lambda: deployed.holds_current_login(namespace), "the edited pull secret is put back")
    assert deployed.pull(namespace).pulled


def test_a_deleted_pull_secret_is_made_again(deployed: Deployment) -> None:
    namespace, name = deployed.namespaces[0], deployed.outputs["pullSecretName"]
    before = deployed.pull_secret(namespace)
    deployed.kube.delete(Secret, name, namespace=namespace)

    def made_again() -> bool:
        now = deployed.pull_secret(namespace)
        return now is not None and now.metadata.uid != before.metadata.uid and deployed.holds_current_login(namespace)

    wait_until(made_again, "the deleted pull secret is made again")
    assert deployed.pull(namespace).pulled


@pytest.mark.parametrize("namespace_number", [0, 1])
def test_the_pull_secret_is_healed_without_asking_aws(deployed: Deployment, namespace_number: int) -> None:
    namespace, name = deployed.namespaces[namespace_number], deployed.outputs["pullSecretName"]
    calls = aws.calls_of(deployed.state, deployed.outputs["identityArn"])
    deployed.kube.delete(Secret, name, namespace=namespace)
    wait_until(lambda: deployed.pull_secret(namespace) is not None, "the deleted pull secret is made again")
    assert aws.calls_of(deployed.state, deployed.outputs["identityArn"]) == calls
