"""everpull: settings -> one delivery -> outputs."""

import pulumi
import pulumi_aws as aws

from cluster.preflight import check_cluster
from components.delivery import DeliveryArgs
from components.policy import repository_arn
from components.system_namespace import SystemNamespace
from lambda_src.refresher.registries import Registry, parse_registry
from modes import deliver
from settings import load


def own_registry(region: str, dns_suffix: str) -> Registry:
    """The registry of the deploying account."""
    return parse_registry(f"{aws.get_caller_identity().account_id}.dkr.ecr.{region}.{dns_suffix}")


settings = load()
check_cluster(settings)
partition = aws.get_partition()
registries = settings.registries or (own_registry(settings.region, partition.dns_suffix),)
args: DeliveryArgs = {
    "owner": settings.owner,
    "labels": settings.labels,
    "region": settings.region,
    "registries": [registry.host for registry in registries],
    "repository_arns": [
        repository_arn(partition.partition, registry.region, registry.account, name)
        for registry in registries
        for name in settings.repositories
    ],
    "namespaces": settings.namespaces,
    "pull_secret_name": settings.pull_secret_name,
    "system_namespace": settings.system_namespace,
}
system = SystemNamespace(settings.owner, {"namespace": settings.system_namespace, "labels": settings.labels})
outputs = deliver(settings, args, pulumi.ResourceOptions(depends_on=[system]))

pulumi.export("registries", args["registries"])
pulumi.export("namespaces", list(settings.namespaces))
pulumi.export("pullSecretName", settings.pull_secret_name)
pulumi.export("systemNamespace", settings.system_namespace)
for name, value in outputs.items():
    pulumi.export(name, value)
