"""everpull: settings -> one delivery, nodes and accounts that need none -> outputs."""

import pulumi
import pulumi_aws as aws

from cluster.preflight import check_cluster
from components.delivery import DeliveryArgs
from components.policy import repository_arn
from components.system_namespace import SystemNamespace
from lambda_src.refresher.registries import Registry, parse_registry
from modes import deliver
from modes.nodes import find_nodes, serve_nodes
from modes.sharing import find_shared, share
from settings import load


def own_registry(account: str, region: str, dns_suffix: str) -> Registry:
    """The registry of the deploying account."""
    return parse_registry(f"{account}.dkr.ecr.{region}.{dns_suffix}")


settings = load()
if settings.in_cluster:
    check_cluster(settings)
node_roles = find_nodes(settings)
partition = aws.get_partition()
account = aws.get_caller_identity().account_id
shared = find_shared(settings, partition.partition, account)
registries = settings.registries or (own_registry(account, settings.region, partition.dns_suffix),)
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
outputs: dict[str, object] = {
    "registries": args["registries"],
    **serve_nodes(settings, node_roles, args["repository_arns"]),
    **share(settings, shared, account),
}
if settings.in_cluster:
    system = SystemNamespace(settings.owner, {"namespace": settings.system_namespace, "labels": settings.labels})
    outputs |= {
        "namespaces": list(settings.namespaces),
        "pullSecretName": settings.pull_secret_name,
        "systemNamespace": settings.system_namespace,
        **deliver(settings, args, pulumi.ResourceOptions(depends_on=[system])),
    }
for name, value in outputs.items():
    pulumi.export(name, value)
