"""A pull secret in each of the namespaces, and after it what the stack's configuration says."""

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret

from cluster.new_pods import when_in_force
from components.pod_attachment import PodAttachment
from components.service_account_attachment import ServiceAccountAttachment
from settings import ClusterAccess

config, kubernetes = pulumi.Config(), pulumi.Config("kubernetes")
name, listed = config.require("pullSecretName"), config.require_object("namespaces")
made = [
    Namespace(namespace, metadata={"name": namespace}) for namespace in config.get_object("newNamespaces", default=[])
]
secrets = [
    Secret(
        f"secret-{namespace}",
        metadata={"name": name, "namespace": namespace},
        type="kubernetes.io/dockerconfigjson",
        string_data={".dockerconfigjson": config.require_secret("dockerConfig")},
        opts=pulumi.ResourceOptions(depends_on=made),
    )
    for namespace in listed
]
after = pulumi.ResourceOptions(depends_on=secrets)
pods = config.get_object("pods")
if pods:
    attachment = PodAttachment("pods", {"pull_secret_name": name, "labels": {}, **pods}, after)
    access = ClusterAccess(kubernetes.get("kubeconfig"), kubernetes.get("context"))
    pulumi.export(
        "policy",
        pulumi.Output.all(attachment.policy, attachment.bindings).apply(
            lambda made: when_in_force(
                access,
                made[0],
                bindings=made[1],
                registry=pods["registries"][0],
                pull_secret=name,
                namespaces=pods["namespaces"],
                label_selector=config.get("labelSelector") or "",
                excluded=pods.get("excluded_namespaces", []),
            )
        ),
    )
accounts = config.get_object("serviceAccounts")
if accounts:
    attached = ServiceAccountAttachment("accounts", {"service_accounts": accounts, "pull_secret_name": name}, after)
    pulumi.export("serviceAccounts", attached.service_accounts)
