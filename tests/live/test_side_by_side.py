"""Two stacks in one cluster and one account, and what destroy leaves."""

from typing import Any

from lightkube import Client
from lightkube.core.client import FieldValue
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import Namespace, Secret
from lightkube.resources.rbac_authorization_v1 import ClusterRole, Role, RoleBinding

from local.demo.chain import CLUSTER_EXTERNAL_SECRET, CLUSTER_STORE, EXTERNAL_SECRET
from local.driver import aws
from local.driver.workloads import ensure_namespace, wait_until
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy

GENERATOR = create_namespaced_resource(
    "generators.external-secrets.io", "v1alpha1", "ECRAuthorizationToken", "ecrauthorizationtokens"
)
POLICY = create_global_resource(
    "admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies"
)


def in_aws(state: PlatformState, stack: str) -> dict[str, list[str]]:
    """Everything of a stack of that name, of the kinds that everpull makes."""

    def call(service: str, operation: str, key: str, name: str) -> list[str]:
        answer: dict[str, Any] = getattr(aws.client(state, service), operation)()
        names = [item.rsplit("/", 1)[1] if isinstance(item, str) else item[name] for item in answer.get(key, [])]
        return sorted(found for found in names if found.startswith(f"everpull-{stack}-"))

    return {
        "users": call("iam", "list_users", "Users", "UserName"),
        "roles": call("iam", "list_roles", "Roles", "RoleName"),
        "policies": call("iam", "list_policies", "Policies", "PolicyName"),
        "secrets": call("secretsmanager", "list_secrets", "SecretList", "Name"),
        "functions": call("lambda", "list_functions", "Functions", "FunctionName"),
        "rules": call("events", "list_rules", "Rules", "Name"),
        "queues": call("sqs", "list_queues", "QueueUrls", ""),
        "log groups": call("logs", "describe_log_groups", "logGroups", "logGroupName"),
    }


def in_cluster(kube: Client, stack: str) -> dict[str, list[str]]:
    """The same in the cluster."""
    ours: dict[str, FieldValue] = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": stack}

    def names(found: Any) -> list[str]:
        return sorted(f"{item.metadata.namespace or ''}/{item.metadata.name}" for item in found)

    return {
        "namespaces": names(kube.list(Namespace, labels=ours)),
        "secrets": names(kube.list(Secret, namespace="*", labels=ours)),
        "external secrets": names(kube.list(EXTERNAL_SECRET, namespace="*", labels=ours)),
        "cluster external secrets": names(kube.list(CLUSTER_EXTERNAL_SECRET, labels=ours)),
        "generators": names(kube.list(GENERATOR, namespace="*", labels=ours)),
        "cluster stores": names(kube.list(CLUSTER_STORE, labels=ours)),
        "admission policies": names(kube.list(POLICY, labels=ours)),
        "cron jobs": names(kube.list(CronJob, namespace="*", labels=ours)),
        "jobs": names(kube.list(Job, namespace="*", labels=ours)),
        "roles": names(kube.list(Role, namespace="*", labels=ours)),
        "role bindings": names(kube.list(RoleBinding, namespace="*", labels=ours)),
        "cluster roles": names(kube.list(ClusterRole, labels=ours)),
    }


def test_two_stacks_share_a_namespace_and_do_not_touch_each_other(deployed: Deployment) -> None:
    shared = deployed.namespaces[0]
    with deploy(deployed.state, deployed.kube, "other", namespaces=[shared]) as other:
        assert other.outputs["pullSecretName"] != deployed.outputs["pullSecretName"]
        assert other.pull().pulled
        assert deployed.pull(shared).pulled
        foreign = other.pull(image=deployed.image)
        assert not foreign.pulled, "one stack is one trust boundary"
        assert "403" in foreign.message
        assert deployed.stack.refresh().changes == {}
    assert deployed.stack.refresh().changes == {}
    assert deployed.pull(shared).pulled


def test_destroy_leaves_nothing_and_up_again_works_at_once(platform: PlatformState, kube: Client) -> None:
    ensure_namespace(kube, "again-a")
    before = in_aws(platform, "again"), in_cluster(kube, "again")
    for _ in range(2):
        with deploy(platform, kube, "again", namespaces=["again-a"]) as deployment:
            assert deployment.pull().pulled
            assert (in_aws(platform, "again"), in_cluster(kube, "again")) != before
        assert in_aws(platform, "again") == before[0]
        # The garbage collector takes owned Secrets a moment after their owner.
        wait_until(lambda: in_cluster(kube, "again") == before[1], "nothing is left in the cluster")
