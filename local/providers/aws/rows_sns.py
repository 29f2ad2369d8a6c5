"""SNS: topics, whose every setting is a text attribute, topic policies and subscriptions."""

import json
from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Row, State, Tags, call
from local.providers.aws.session import Api, AwsError

# The query protocol's code, and the one without the exception's name.
_GONE = ("NotFound", "NotFoundException")
_PROTOCOLS = ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs")


def _set_attributes(api: Api, topic_arn: str, values: State, names: set[str]) -> None:
    """One request an attribute, as the API has it; what is not given any more is cleared by an empty text."""
    for prop in TOPIC.props:
        if prop.name in names and prop.member and prop.name != "name":
            text = values.get(prop.name)
            api.call(
                "set_topic_attributes",
                TopicArn=topic_arn,
                AttributeName=prop.member,
                AttributeValue="" if text is None else text,
            )


def _set_first(api: Api, topic_arn: str, inputs: State) -> None:
    _set_attributes(api, topic_arn, inputs, {name for name, value in inputs.items() if value})


def _update_topic(api: Api, topic_arn: str, _old: State, new: State, changed: set[str]) -> State:
    _set_attributes(api, topic_arn, new, changed)
    return {}


def _read_topic(api: Api, topic_arn: str, _state: State) -> Mapping[str, Any] | None:
    attributes = api.call("get_topic_attributes", TopicArn=topic_arn)["Attributes"]
    return {**attributes, "Name": topic_arn.rpartition(":")[2]}


TOPIC = Row(
    type="aws:sns/topic:Topic",
    noun="SNS Topic",
    service="sns",
    props=(
        Prop("name", "Name", computed=True, replace=True, auto=AutoName(256)),
        Prop("namePrefix", computed=True, replace=True, local=True, conflicts=("name",)),
        Prop("displayName", "DisplayName"),
        Prop("kmsMasterKeyId", "KmsMasterKeyId"),
        Prop("deliveryPolicy", "DeliveryPolicy", kind=Kind.JSON),
        Prop("policy", "Policy", kind=Kind.JSON, computed=True),
    ),
    id="$TopicArn",
    create=call("create_topic", "name"),
    delete=call("delete_topic", TopicArn="#id"),
    outputs={"arn": "TopicArn", "owner": "Owner"},
    gone=_GONE,
    tags=Tags("ResourceArn", "#id", "tag_resource", "untag_resource", "Tags", list_op="list_tags_for_resource"),
    hooks=Hooks(created=_set_first, read=_read_topic, update=_update_topic),
)


def _put_policy(api: Api, inputs: State) -> tuple[str, State]:
    api.call("set_topic_attributes", TopicArn=inputs["arn"], AttributeName="Policy", AttributeValue=inputs["policy"])
    return inputs["arn"], {}


def _update_policy(api: Api, _id: str, _old: State, new: State, _changed: set[str]) -> State:
    return _put_policy(api, new)[1]


def _read_policy(api: Api, topic_arn: str, _state: State) -> Mapping[str, Any] | None:
    attributes = api.call("get_topic_attributes", TopicArn=topic_arn)["Attributes"]
    return attributes if attributes.get("Policy") else None


def _reset_policy(api: Api, topic_arn: str, state: State) -> None:
    """A topic can't be without a policy, so the one comes back that a new topic has."""
    actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in (*actions, "Subscribe", "ListSubscriptionsByTopic", "Publish")],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": state["owner"]}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    api.call("set_topic_attributes", TopicArn=topic_arn, AttributeName="Policy", AttributeValue=json.dumps(policy))


TOPIC_POLICY = Row(
    type="aws:sns/topicPolicy:TopicPolicy",
    noun="SNS Topic Policy",
    service="sns",
    props=(
        Prop("arn", "TopicArn", required=True, replace=True),
        Prop("policy", "Policy", kind=Kind.JSON, required=True),
    ),
    id="{arn}",
    checked_by="set_topic_attributes",
    outputs={"owner": "Owner"},
    gone=_GONE,
    hooks=Hooks(create=_put_policy, read=_read_policy, update=_update_policy, delete=_reset_policy),
)


def _subscribe(api: Api, inputs: State) -> tuple[str, State]:
    answer = api.call(
        "subscribe",
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
        # Else one that waits for its confirmation has no ARN.
        ReturnSubscriptionArn=True,
    )
    return answer["SubscriptionArn"], {}


def _read_subscription(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    found = api.call("get_subscription_attributes", SubscriptionArn=resource_id)["Attributes"]
    return {
        **found,
        "WasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
        "IsPending": found.get("PendingConfirmation") == "true",
    }


def _unsubscribe(api: Api, resource_id: str, _state: State) -> None:
    try:
        api.call("unsubscribe", SubscriptionArn=resource_id)
    except AwsError as error:
        # It goes by itself (Amazon SNS API Reference, Subscribe), and the real provider lets it.
        if "pending confirmation" not in error.message:
            raise


def _unchangeable(_api: Api, _id: str, _old: State, _new: State, _changed: set[str]) -> State:
    return {}


SUBSCRIPTION = Row(
    type="aws:sns/topicSubscription:TopicSubscription",
    noun="SNS Topic Subscription",
    service="sns",
    props=(
        Prop("topic", "TopicArn", required=True, replace=True),
        Prop("protocol", "Protocol", required=True, replace=True, allowed=_PROTOCOLS),
        Prop("endpoint", "Endpoint", required=True, replace=True),
        Prop("confirmationTimeoutInMinutes", kind=Kind.INT, default=1, local=True),
        Prop("endpointAutoConfirms", kind=Kind.BOOL, default=False, local=True),
    ),
    id="$SubscriptionArn",
    checked_by="subscribe",
    outputs={
        "arn": "SubscriptionArn",
        "ownerId": "Owner",
        "confirmationWasAuthenticated": "WasAuthenticated",
        "pendingConfirmation": "IsPending",
    },
    gone=_GONE,
    hooks=Hooks(create=_subscribe, read=_read_subscription, update=_unchangeable, delete=_unsubscribe),
)

ROWS = (TOPIC, TOPIC_POLICY, SUBSCRIPTION)
