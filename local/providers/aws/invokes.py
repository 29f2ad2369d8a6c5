"""Functions (data sources) that a program calls; an unknown one or an unknown argument is an error naming it."""

from collections.abc import Callable, Mapping
from typing import Any

from local.providers.aws import invokes_eks, invokes_iam
from local.providers.aws.policy_document import policy_document
from local.providers.aws.session import Api, Session
from local.providers.common.provider import ProviderError

Args = dict[str, Any]


def _caller(session: Session, _tags: Mapping[str, str], _args: Args) -> Args:
    me = session.identity()
    return {"accountId": me["Account"], "arn": me["Arn"], "userId": me["UserId"], "id": me["Account"]}


def _region(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    region = args.get("region") or args.get("name") or session.settings.region
    return {
        "id": region,
        "name": region,
        "region": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
        "description": session.region_description(region),
    }


def _partition(session: Session, _tags: Mapping[str, str], _args: Args) -> Args:
    partition = session.client("sts", session.settings.region).meta.partition
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return {
        "id": partition,
        "partition": partition,
        "dnsSuffix": suffix,
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def _default_tags(session: Session, tags: Mapping[str, str], _args: Args) -> Args:
    return {"id": session.settings.region, "tags": dict(tags)}


def _repository(session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    region = args.get("region") or session.settings.region
    request: dict[str, Any] = {"repositoryNames": [args["name"]]}
    if args.get("registryId"):
        request["registryId"] = args["registryId"]
    api = Api(session, "ecr", region)
    found = api.call("describe_repositories", **request)["repositories"][0]
    tags = api.call("list_tags_for_resource", resourceArn=found["repositoryArn"]).get("tags") or []
    encryption = found.get("encryptionConfiguration") or {"encryptionType": "AES256"}
    scanning = found.get("imageScanningConfiguration") or {"scanOnPush": False}
    return {
        "id": found["repositoryName"],
        "name": found["repositoryName"],
        "arn": found["repositoryArn"],
        "registryId": found["registryId"],
        "repositoryUrl": found["repositoryUri"],
        "region": region,
        "imageTagMutability": found.get("imageTagMutability", "MUTABLE"),
        "imageTagMutabilityExclusionFilters": [],
        "imageScanningConfigurations": [{"scanOnPush": scanning["scanOnPush"]}],
        "encryptionConfigurations": [
            {"encryptionType": encryption["encryptionType"], "kmsKey": encryption.get("kmsKey", "")}
        ],
        "mostRecentImageTags": [],
        "tags": {item["Key"]: item["Value"] for item in tags},
    }


def _document(_session: Session, _tags: Mapping[str, str], args: Args) -> Args:
    return policy_document(args)


# token: (function, arguments it takes)
INVOKES: dict[str, tuple[Callable[[Session, Mapping[str, str], Args], Args], tuple[str, ...]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": (_caller, ()),
    "aws:index/getRegion:getRegion": (_region, ("name", "region")),
    "aws:index/getPartition:getPartition": (_partition, ()),
    "aws:index/getDefaultTags:getDefaultTags": (_default_tags, ()),
    "aws:ecr/getRepository:getRepository": (_repository, ("name", "registryId", "region")),
    "aws:eks/getCluster:getCluster": (invokes_eks.cluster, ("name", "region")),
    "aws:eks/getNodeGroup:getNodeGroup": (invokes_eks.node_group, ("clusterName", "nodeGroupName", "region")),
    "aws:eks/getNodeGroups:getNodeGroups": (invokes_eks.node_groups, ("clusterName", "region")),
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": (invokes_iam.open_id_connect_provider, ("arn", "url")),
    "aws:iam/getRole:getRole": (invokes_iam.role, ("name",)),
    "aws:iam/getPolicyDocument:getPolicyDocument": (
        _document,
        ("policyId", "version", "statements", "overridePolicyDocuments", "sourcePolicyDocuments"),
    ),
}


def invoke(session: Session, tags: Mapping[str, str], token: str, args: Args) -> Args:
    """Answers one function call; raises ProviderError for what isn't supported."""
    if token not in INVOKES:
        raise ProviderError(f"the function {token} is not supported by the local stand-in for the aws provider")
    function, known = INVOKES[token]
    given = {name: value for name, value in args.items() if value is not None}
    # Several functions accept their own `id` as an argument that does nothing.
    for name in given:
        if name not in known and name != "id":
            raise ProviderError(
                f"the argument {name!r} of {token} is not supported by the local stand-in for the aws provider"
            )
    return function(session, tags, given)
