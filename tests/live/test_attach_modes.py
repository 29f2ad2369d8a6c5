"""`everpull:attach` through the program itself, once in each way; test_attach.py has the rest."""

from lightkube import Client

from local.state import PlatformState
from tests.live.attach_stack import AttachStack
from tests.live.cronjob_deployment import deploy_cronjob
from tests.live.deployment import Deployed, deploy


def seen(deployed: Deployed) -> AttachStack:
    """Looks at a stack of any mode as at one that does nothing but attach."""
    return AttachStack(
        deployed.state,
        deployed.kube,
        deployed.stack,
        deployed.config,
        deployed.outputs["pullSecretName"],
        deployed.image,
    )


def test_a_plain_deployment_pulls_by_its_service_account_in_mode_lambda(platform: PlatformState, kube: Client) -> None:
    namespace = "attached-accounts"
    with deploy(platform, kube, namespace, [namespace], attach="service-accounts") as deployed:
        assert deployed.outputs["attachedTo"] == [f"{namespace}/default"]
        outcome = seen(deployed).deploys(namespace, "plain")
        assert outcome.pulled, outcome.message
        assert deployed.stack.up().changes == {}
    assert seen(deployed).account(namespace) == []


def test_a_plain_deployment_pulls_by_the_policy_in_mode_cronjob(platform: PlatformState, kube: Client) -> None:
    namespace = "attached-pods"
    with deploy_cronjob(platform, kube, namespace, [namespace], attach="pods") as deployed:
        assert deployed.outputs["attachedBy"] == deployed.outputs["pullSecretName"]
        outcome = seen(deployed).deploys(namespace, "plain")
        assert outcome.pulled, outcome.message
        assert seen(deployed).secrets_of(namespace, "registry.example/app:1") == []
        assert deployed.stack.up().changes == {}
