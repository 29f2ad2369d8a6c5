"""Functions about EKS: what is behind a cluster's name."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.session import Api, AwsError, Session
from local.providers.common.provider import ProviderError

Args = dict[str, Any]

# Structures of DescribeCluster's answer that the function shows as blocks, where the cluster has them.
_CLUSTER_BLOCKS = (
    "accessConfig",
    "certificateAuthority",
    "computeConfig",
    "controlPlaneScalingConfig",
    "identity",
    "kubeApiServerConfig",
    "kubeControllerManagerConfig",
    "kubeSchedulerConfig",
    "kubernetesNetworkConfig",
    "outpostConfig",
    "remoteNetworkConfig",
    "storageConfig",
    "upgradePolicy",
    "zonalShiftConfig",
)
_NODE_GROUP_BLOCKS = ("launchTemplate", "scalingConfig", "updateConfig", "warmPoolConfig")


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _block(value: Any) -> Any:
    """A structure as the real provider shows it: structures within are lists of one, under the plural of their name."""
    if isinstance(value, Mapping):
        inner = {name: _block(item) for name, item in value.items()}
        return {_plural(n) if isinstance(v, dict) else n: [v] if isinstance(v, dict) else v for n, v in inner.items()}
    return [_block(item) for item in value] if isinstance(value, list) else value


def _blocks(answer: Mapping[str, Any], names: tuple[str, ...]) -> Args:
    return {_plural(name): [_block(answer[name])] if answer.get(name) else [] for name in names}


def _described(api: Api, what: str, op: str, at: str, **request: str) -> Mapping[str, Any]:
    try:
        return api.call(op, **request)[at]
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise ProviderError(f"reading {what}: couldn't find resource") from None
        raise ProviderError(f"reading {what}: {error}") from None


def cluster(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    """`eks.getCluster`."""
    api = Api(session, "eks", args.get("region") or session.settings.region)
    name = args["name"]
    found = _described(api, f"EKS Cluster ({name})", "describe_cluster", "cluster", name=name)
    logging = (found.get("logging") or {}).get("clusterLogging") or []
    vpc = found.get("resourcesVpcConfig") or {}
    return {
        **_blocks(found, _CLUSTER_BLOCKS),
        "id": name,
        "name": found["name"],
        "arn": found["arn"],
        "clusterId": found.get("id", ""),
        "createdAt": str(found["createdAt"]),
        "deletionProtection": bool(found.get("deletionProtection")),
        "enabledClusterLogTypes": sorted(kind for setup in logging if setup.get("enabled") for kind in setup["types"]),
        "endpoint": found.get("endpoint", ""),
        "platformVersion": found.get("platformVersion", ""),
        "region": api.region,
        "roleArn": found["roleArn"],
        "status": found["status"],
        "tags": dict(found.get("tags") or {}),
        "version": found.get("version", ""),
        "vpcConfig": dict(vpc),
    }


def node_groups(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    """`eks.getNodeGroups`."""
    api = Api(session, "eks", args.get("region") or session.settings.region)
    name = args["clusterName"]
    try:
        names = api.pages("list_nodegroups", "nodegroups[]", clusterName=name)
    except AwsError as error:
        raise ProviderError(f"listing EKS Node Groups: {error}") from None
    return {"id": name, "clusterName": name, "names": names, "region": api.region}


def node_group(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    """`eks.getNodeGroup`."""
    api = Api(session, "eks", args.get("region") or session.settings.region)
    cluster_name, name = args["clusterName"], args["nodeGroupName"]
    found = _described(
        api,
        f"EKS Node Group ({cluster_name}:{name})",
        "describe_nodegroup",
        "nodegroup",
        clusterName=cluster_name,
        nodegroupName=name,
    )
    access, resources = found.get("remoteAccess"), found.get("resources")
    return {
        **_blocks(found, _NODE_GROUP_BLOCKS),
        "id": f"{cluster_name}:{name}",
        "clusterName": cluster_name,
        "nodeGroupName": name,
        "arn": found["nodegroupArn"],
        "amiType": found.get("amiType", ""),
        "capacityType": found.get("capacityType", ""),
        "diskSize": found.get("diskSize", 0),
        "instanceTypes": list(found.get("instanceTypes") or []),
        "labels": dict(found.get("labels") or {}),
        "nodeRoleArn": found["nodeRole"],
        "region": api.region,
        "releaseVersion": found.get("releaseVersion", ""),
        "remoteAccesses": [
            {
                "ec2SshKey": access.get("ec2SshKey", ""),
                "sourceSecurityGroupIds": list(access.get("sourceSecurityGroups") or []),
            }
        ]
        if access
        else [],
        "resources": [
            {
                "autoscalingGroups": [dict(group) for group in resources.get("autoScalingGroups") or []],
                "remoteAccessSecurityGroupId": resources.get("remoteAccessSecurityGroup", ""),
            }
        ]
        if resources
        else [],
        "status": found["status"],
        "subnetIds": list(found.get("subnets") or []),
        "tags": dict(found.get("tags") or {}),
        "taints": [dict(taint) for taint in found.get("taints") or []],
        "version": found.get("version", ""),
    }
