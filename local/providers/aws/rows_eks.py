"""EKS: the roles of pods."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import Hooks, Kind, Prop, Retry, Row, State, Tags, TagStyle, call, change
from local.providers.aws.session import Api


def _read(api: Api, _id: str, state: State) -> Mapping[str, Any] | None:
    # Not by the id: an import names the cluster in it too.
    where = {"clusterName": state["clusterName"], "associationId": state["associationId"]}
    return api.call("describe_pod_identity_association", **where)["association"]


POD_IDENTITY_ASSOCIATION = Row(
    type="aws:eks/podIdentityAssociation:PodIdentityAssociation",
    noun="EKS Pod Identity Association",
    service="eks",
    props=(
        Prop("clusterName", "clusterName", required=True, replace=True),
        Prop("namespace", "namespace", required=True, replace=True),
        Prop("serviceAccount", "serviceAccount", required=True, replace=True),
        Prop("roleArn", "roleArn", required=True),
        Prop("disableSessionTags", "disableSessionTags", kind=Kind.BOOL, default=False),
    ),
    id="{associationId}",
    import_id="{clusterName},{associationId}",
    create=call("create_pod_identity_association", "clusterName namespace serviceAccount roleArn disableSessionTags"),
    changes=(
        change(
            "roleArn disableSessionTags",
            call("update_pod_identity_association", "clusterName roleArn disableSessionTags", associationId="#id"),
        ),
    ),
    delete=call("delete_pod_identity_association", "clusterName", associationId="#id"),
    outputs={"associationArn": "associationArn", "externalId": "externalId"},
    once={"associationId": "association.associationId"},
    gone=("ResourceNotFoundException",),
    tags=Tags(
        "resourceArn",
        "associationArn",
        "tag_resource",
        "untag_resource",
        "tags",
        list_op="list_tags_for_resource",
        create="tags",
        style=TagStyle.MAP,
        tag_member="tags",
        untag_member="tagKeys",
    ),
    retries=(Retry("InvalidParameterException", "Role provided in the request does not exist"),),
    hooks=Hooks(read=_read),
)

ROWS = (POD_IDENTITY_ASSOCIATION,)
