"""ECR: repositories and their policies."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, Tags, call, change
from local.providers.aws.session import Api, AwsError
from local.providers.common.provider import ProviderError

_GONE = ("RepositoryNotFoundException", "RepositoryPolicyNotFoundException")


def _read_repository(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    repository = api.call("describe_repositories", repositoryNames=[resource_id])["repositories"][0]
    encryption = repository.get("encryptionConfiguration")
    return {**repository, "encryptionConfigurations": [encryption] if encryption else None}


def _delete_repository(api: Api, resource_id: str, state: State) -> None:
    try:
        api.call("delete_repository", repositoryName=resource_id, force=bool(state.get("forceDelete")))
    except AwsError as error:
        if error.code == "RepositoryNotEmptyException":
            raise ProviderError(f"it is not empty, consider using forceDelete: {error}") from None
        raise


def _create_repository(api: Api, inputs: State) -> tuple[str, State]:
    request: dict[str, Any] = {"repositoryName": inputs["name"], "imageTagMutability": inputs["imageTagMutability"]}
    if inputs.get("imageScanningConfiguration"):
        request["imageScanningConfiguration"] = inputs["imageScanningConfiguration"]
    for encryption in inputs.get("encryptionConfigurations") or []:
        request["encryptionConfiguration"] = encryption
    tags = inputs.get("tagsAll") or {}
    if tags:
        request["tags"] = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    return api.call("create_repository", **request)["repository"]["repositoryName"], {}


REPOSITORY = Row(
    type="aws:ecr/repository:Repository",
    noun="ECR Repository",
    service="ecr",
    props=(
        Prop("name", "repositoryName", computed=True, replace=True, auto=AutoName(255)),
        Prop("imageTagMutability", "imageTagMutability", default="MUTABLE"),
        Prop(
            "imageScanningConfiguration",
            "imageScanningConfiguration",
            kind=Kind.BLOCK,
            computed=True,
            fields=(Prop("scanOnPush", "scanOnPush", kind=Kind.BOOL, required=True),),
        ),
        Prop(
            "encryptionConfigurations",
            "encryptionConfigurations",
            kind=Kind.BLOCKS,
            computed=True,
            replace=True,
            fields=(
                Prop("encryptionType", "encryptionType", default="AES256"),
                Prop("kmsKey", "kmsKey", computed=True),
            ),
        ),
        Prop("forceDelete", kind=Kind.BOOL, default=False, local=True),
    ),
    id="{name}",
    changes=(
        change("imageTagMutability", call("put_image_tag_mutability", "imageTagMutability", repositoryName="#id")),
        change(
            "imageScanningConfiguration",
            call("put_image_scanning_configuration", "imageScanningConfiguration", repositoryName="#id"),
        ),
    ),
    outputs={"arn": "repositoryArn", "registryId": "registryId", "repositoryUrl": "repositoryUri"},
    gone=_GONE,
    tags=Tags(
        "resourceArn",
        "arn",
        "tag_resource",
        "untag_resource",
        "tags",
        list_op="list_tags_for_resource",
        tag_member="tags",
        untag_member="tagKeys",
    ),
    checked_by="create_repository",
    hooks=Hooks(create=_create_repository, read=_read_repository, delete=_delete_repository),
)

REPOSITORY_POLICY = Row(
    type="aws:ecr/repositoryPolicy:RepositoryPolicy",
    noun="ECR Repository Policy",
    service="ecr",
    props=(
        Prop("repository", "repositoryName", required=True, replace=True),
        Prop("policy", "policyText", kind=Kind.JSON, required=True),
    ),
    id="{repository}",
    create=call("set_repository_policy", "repository policy"),
    read=call("get_repository_policy", repositoryName="#id"),
    changes=(change("policy", call("set_repository_policy", "repository policy")),),
    delete=call("delete_repository_policy", repositoryName="#id"),
    outputs={"registryId": "registryId"},
    gone=_GONE,
    retries=(Retry("InvalidParameterException", "Invalid repository policy provided"),),
)

ROWS = (REPOSITORY, REPOSITORY_POLICY)
