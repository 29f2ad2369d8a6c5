"""everpull: settings -> one delivery, nodes and accounts that need none -> outputs."""

import gc

import pulumi
import pulumi_aws as aws

from cluster.preflight import check_cluster
from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from components.system_namespace import SystemNamespace
from modes import deliver
from modes.aws_stack import find_login
from modes.identities import identity_args, make_issuer
from modes.marks import mark_everything
from modes.namespaces import make_namespaces
from modes.nodes import find_nodes, serve_nodes
from modes.reaching import login_args, node_arns
from modes.sharing import find_shared, share
from settings import load

# What was imported stays until the end: to look through it for garbage, and once more at exit, would take a third of a second.
gc.freeze()

configured = load()
mark_everything(configured)
around = check_cluster(configured) if configured.in_cluster else Surroundings()
unserved = around.unserved(configured)
settings = configured.without(unserved)
node_roles = find_nodes(settings)
partition = aws.get_partition()
account = aws.get_caller_identity().account_id
shared = find_shared(settings, partition.partition, account)
settings = settings.of_account(account, partition.dns_suffix)
args: DeliveryArgs = {
    **login_args(settings, partition.partition),
    **find_login(settings, account),
    **identity_args(settings, partition.partition, account),
    "owner": settings.owner,
    "labels": settings.labels,
    "region": settings.region,
    "namespaces": settings.namespaces,
    "missing_namespaces": unserved,
    "pull_secret_name": settings.pull_secret_name,
    "system_namespace": settings.system_namespace,
}
outputs: dict[str, object] = {
    "registries": args["registries"],
    **serve_nodes(settings, node_roles, *node_arns(settings, partition.partition)),
    **share(settings, shared, account),
}
made: list[pulumi.Resource] = []
if settings.in_cluster:
    system = SystemNamespace(settings.owner, {"namespace": settings.system_namespace, "labels": settings.labels})
    made = [system, *make_namespaces(settings, around), *make_issuer(settings, args)]
    outputs |= {
        "namespaces": list(configured.namespaces),
        **({"missingNamespaces": list(unserved)} if unserved else {}),
        "pullSecretName": settings.pull_secret_name,
        "systemNamespace": settings.system_namespace,
    }
outputs |= deliver(settings, around, args, pulumi.ResourceOptions(depends_on=made))
for name, value in outputs.items():
    pulumi.export(name, value)
