"""everpull: settings -> one delivery -> outputs."""

import pulumi
import pulumi_aws as aws

from cluster.convergence import when_synced
from cluster.preflight import check_cluster
from components.lambda_delivery import LambdaDelivery, LambdaDeliveryArgs
from components.policy import repository_arn
from lambda_src.refresher.registries import Registry, parse_registry
from settings import load


def own_registry(region: str, dns_suffix: str) -> Registry:
    """The registry of the deploying account."""
    return parse_registry(f"{aws.get_caller_identity().account_id}.dkr.ecr.{region}.{dns_suffix}")


settings = load()
check_cluster(settings)
partition = aws.get_partition()
registries = settings.registries or (own_registry(settings.region, partition.dns_suffix),)
delivery = LambdaDelivery(
    settings.owner,
    LambdaDeliveryArgs(
        owner=settings.owner,
        labels=settings.labels,
        region=settings.region,
        registries=[registry.host for registry in registries],
        repository_arns=[
            repository_arn(partition.partition, registry.region, registry.account, name)
            for registry in registries
            for name in settings.repositories
        ],
        namespaces=settings.namespaces,
        pull_secret_name=settings.pull_secret_name,
        system_namespace=settings.delivery.system_namespace,
        schedule=settings.delivery.schedule,
        sync_interval=settings.delivery.sync_interval,
        fan_out_interval=settings.delivery.fan_out_interval,
        log_retention_days=settings.delivery.log_retention_days,
        reserved_concurrency=settings.delivery.reserved_concurrency,
    ),
)

pulumi.export("registries", [registry.host for registry in registries])
pulumi.export("namespaces", list(settings.namespaces))
pulumi.export("pullSecretName", settings.pull_secret_name)
pulumi.export("pullSecrets", delivery.pull_secrets.apply(lambda places: when_synced(settings.cluster, places)))
pulumi.export("clusterStore", settings.owner)
pulumi.export("hub", delivery.hub)
pulumi.export("systemNamespace", settings.delivery.system_namespace)
pulumi.export("loginSecretArn", delivery.login_secret_arn)
pulumi.export("identityArn", delivery.identity_arn)
pulumi.export("refresherArn", delivery.role_arn)
pulumi.export("functionName", delivery.function_name)
pulumi.export("scheduleRule", delivery.rule_name)
pulumi.export("logGroup", delivery.log_group_name)
pulumi.export("deadLetterQueue", delivery.dead_letter_queue_url)
