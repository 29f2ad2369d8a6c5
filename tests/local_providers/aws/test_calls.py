"""The requests that a resource's life makes, against scripted answers: order, patience, half-done work, readable errors."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.providers.common.provider import CreateRequest, PartialFailureError, ProviderError
from local.providers.common.values import UNKNOWN, Secret
from tests.local_providers.aws.scripted import ANY, ANY_REQUEST, Scripted

USER = "aws:iam/user:User"
KEY = "aws:iam/accessKey:AccessKey"
POLICY = "aws:iam/policy:Policy"
SECRET = "aws:secretsmanager/secret:Secret"
PERMISSION = "aws:lambda/permission:Permission"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
REPOSITORY = "aws:ecr/repository:Repository"
pytestmark = pytest.mark.usefixtures("quick")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CANARY = "canary-secret-key"


def _user(**more: Any) -> dict[str, Any]:
    user = {"UserName": "me", "UserId": "AIDA1234567890123456", "Arn": "arn:aws:iam::000000000000:user/me", "Path": "/"}
    return {"User": {**user, "CreateDate": NOW, **more}}


def test_a_resource_is_made_then_read_back():
    run = Scripted(USER, default_tags={"team": "a"})
    tags = [{"Key": "k", "Value": "v"}, {"Key": "team", "Value": "a"}]
    run.answer("iam", "create_user", {"UserName": "me", "Path": "/", "Tags": tags}, _user())
    run.answer("iam", "get_user", {"UserName": "me"}, _user(Tags=tags))
    made = run.create({"name": "me", "tags": {"k": "v"}})
    run.done()
    assert made.id == "me"
    assert made.outputs["arn"] == "arn:aws:iam::000000000000:user/me"
    assert made.outputs["tags"] == {"k": "v"}
    assert made.outputs["tagsAll"] == {"k": "v", "team": "a"}


def test_a_preview_sends_nothing_and_knows_what_it_cannot_know():
    made = Scripted(KEY).create({"user": UNKNOWN}, preview=True)
    assert made.id == ""
    assert made.outputs["user"] == UNKNOWN
    assert made.outputs["secret"] == Secret(UNKNOWN)
    assert made.outputs["status"] == "Active"


def test_an_access_keys_secret_is_secret_and_survives_a_refresh():
    run = Scripted(KEY)
    key = {"UserName": "me", "AccessKeyId": "AKIATESTTESTTESTTEST", "Status": "Active", "SecretAccessKey": CANARY}
    listed = {
        "AccessKeyMetadata": [
            {"UserName": "me", "AccessKeyId": key["AccessKeyId"], "Status": "Active", "CreateDate": NOW}
        ]
    }
    run.answer("iam", "create_access_key", {"UserName": "me"}, {"AccessKey": key})
    run.answer("iam", "list_access_keys", {"UserName": "me"}, listed)
    made = run.create({"user": "me"})
    assert made.outputs["secret"] == Secret(CANARY)
    assert isinstance(made.outputs["sesSmtpPasswordV4"], Secret)
    assert made.outputs["createDate"] == "2026-01-02T03:04:05Z"
    assert CANARY not in repr(made)
    run.answer("iam", "list_access_keys", {"UserName": "me"}, listed)
    seen = run.read(made.id, made.outputs, {"user": "me"})
    assert seen is not None
    assert seen.outputs["secret"] == Secret(CANARY)
    run.done()


def test_an_error_names_operation_code_and_resource():
    run = Scripted(SECRET).refuse("secretsmanager", "create_secret", "AccessDeniedException", "not you")
    with pytest.raises(ProviderError) as caught:
        run.create({"name": "s"})
    assert str(caught.value) == (
        "creating Secrets Manager Secret (s): operation error Secrets Manager: CreateSecret: "
        "AccessDeniedException: not you"
    )


def test_an_error_that_quotes_a_secret_is_scrubbed():
    run = Scripted(SECRET).refuse("secretsmanager", "create_secret", "Bad", f"value {CANARY} is bad")
    with pytest.raises(ProviderError) as caught:
        run.create({"name": "s", "description": Secret(CANARY)})
    assert "value [secret] is bad" in str(caught.value)


def test_a_request_that_breaks_the_model_is_not_sent():
    run = Scripted(KEY)
    with pytest.raises(ProviderError, match="UserName: doesn't match the pattern"):
        run.provider.create(CreateRequest(run.on, {"user": "a b", "status": "Active"}))


def test_a_half_made_resource_is_kept_in_state():
    run = Scripted(SECRET)
    arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:s-abcdef"
    run.answer("secretsmanager", "create_secret", ANY_REQUEST, {"ARN": arn, "Name": "s"})
    run.refuse("secretsmanager", "put_resource_policy", "AccessDeniedException", "not you")
    with pytest.raises(PartialFailureError) as caught:
        run.create({"name": "s", "policy": '{"Statement":[]}', "description": Secret(CANARY)})
    assert caught.value.resource_id == arn
    assert caught.value.outputs["description"] == Secret(CANARY)
    assert "PutResourcePolicy" in caught.value.reasons[0]


def test_a_sixth_version_of_a_policy_pushes_out_the_oldest():
    run = Scripted(POLICY)
    arn = "arn:aws:iam::000000000000:policy/p"
    versions = [
        {"VersionId": f"v{n}", "IsDefaultVersion": n == 5, "CreateDate": NOW.replace(day=n), "Document": "{}"}
        for n in (5, 4, 3, 2, 1)
    ]
    run.answer("iam", "list_policy_versions", {"PolicyArn": arn}, {"Versions": versions})
    run.answer("iam", "delete_policy_version", {"PolicyArn": arn, "VersionId": "v1"}, {})
    made = {"PolicyArn": arn, "PolicyDocument": '{"a":2}', "SetAsDefault": True}
    run.answer("iam", "create_policy_version", made, {"PolicyVersion": {"VersionId": "v6"}})
    run.answer(
        "iam", "get_policy", {"PolicyArn": arn}, {"Policy": {"Arn": arn, "PolicyName": "p", "DefaultVersionId": "v6"}}
    )
    run.answer(
        "iam", "get_policy_version", {"PolicyArn": arn, "VersionId": "v6"}, {"PolicyVersion": {"Document": '{"a":2}'}}
    )
    state = {"name": "p", "path": "/", "policy": '{"a":1}', "arn": arn, "tags": {}, "tagsAll": {}}
    assert run.update(arn, state, {"name": "p", "policy": '{"a":2}'})["policy"] == '{"a":2}'
    run.done()


def test_a_user_with_keys_is_only_deleted_by_force():
    run = Scripted(USER)
    run.answer("iam", "list_groups_for_user", {"UserName": "me"}, {"Groups": []})
    run.refuse("iam", "delete_user", "DeleteConflict", "must delete access keys first")
    with pytest.raises(ProviderError, match=r"deleting IAM User \(me\).*DeleteConflict"):
        run.delete("me", {"name": "me", "forceDestroy": False})
    run = Scripted(USER)
    run.answer("iam", "list_groups_for_user", {"UserName": "me"}, {"Groups": []})
    key = {"AccessKeyId": "AKIATESTTESTTESTTEST", "UserName": "me"}
    run.answer("iam", "list_access_keys", {"UserName": "me"}, {"AccessKeyMetadata": [key]})
    run.answer("iam", "delete_access_key", key, {})
    run.refuse("iam", "delete_login_profile", "NoSuchEntity")
    run.answer("iam", "delete_user", {"UserName": "me"}, {})
    run.delete("me", {"name": "me", "forceDestroy": True})
    run.done()


@pytest.mark.parametrize("days", [0, 7])
def test_a_secret_is_deleted_with_the_window_it_was_given(days: int):
    run = Scripted(SECRET)
    how = {"ForceDeleteWithoutRecovery": True} if days == 0 else {"RecoveryWindowInDays": days}
    run.answer("secretsmanager", "delete_secret", {"SecretId": "arn-of-it", **how}, {})
    run.refuse("secretsmanager", "describe_secret", "ResourceNotFoundException")
    run.delete("arn-of-it", {"recoveryWindowInDays": days})
    run.done()


def test_a_secret_waits_for_a_name_that_is_being_deleted():
    run = Scripted(SECRET)
    run.refuse("secretsmanager", "create_secret", "InvalidRequestException", "is already scheduled for deletion.")
    run.answer("secretsmanager", "create_secret", {"Name": "s"}, {"ARN": "arn:aws:x:y:z:secret:s", "Name": "s"})
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, {"ARN": "arn:aws:x:y:z:secret:s", "Name": "s"})
    run.answer("secretsmanager", "get_resource_policy", ANY_REQUEST, {})
    assert run.create({"name": "s"}).outputs["name"] == "s"
    run.done()


def test_deleting_what_is_gone_is_fine():
    run = Scripted(PERMISSION).refuse("lambda", "remove_permission", "ResourceNotFoundException")
    run.delete("s", {"function": "f", "statementId": "s"})
    run.done()


def test_what_is_gone_reads_as_gone():
    run = Scripted(USER).refuse("iam", "get_user", "NoSuchEntity")
    assert run.read("me", {"name": "me"}, {"name": "me"}) is None
    run.answer("iam", "list_access_keys", {"UserName": "me"}, {"AccessKeyMetadata": []})
    key = Scripted(KEY)
    key.session.stubs = run.session.stubs
    assert key.read("AKIATESTTESTTESTTEST", {"user": "me"}, {"user": "me"}) is None


def test_a_policy_stays_in_state_as_the_program_wrote_it_while_it_means_the_same():
    run = Scripted("aws:iam/userPolicy:UserPolicy")
    written = '{ "Statement": [] }'
    found = {"UserName": "me", "PolicyName": "p"}
    state = {"user": "me", "name": "p", "policy": written}
    run.answer("iam", "get_user_policy", found, {**found, "PolicyDocument": '{"Statement":[]}'})
    seen = run.read("me:p", state, state)
    assert seen is not None
    assert (seen.outputs["policy"], seen.inputs["policy"]) == (written, written)
    run.answer("iam", "get_user_policy", found, {**found, "PolicyDocument": '{"Statement":[{}]}'})
    seen = run.read("me:p", state, state)
    assert seen is not None
    assert seen.outputs["policy"] == seen.inputs["policy"] == '{"Statement":[{}]}'


def test_a_refused_read_is_not_taken_for_absence():
    run = Scripted(USER).refuse("iam", "get_user", "AccessDenied", "not you")
    with pytest.raises(ProviderError, match=r"reading IAM User \(me\).*AccessDenied"):
        run.read("me", {"name": "me"}, {"name": "me"})


def test_an_import_finds_the_resource_and_the_inputs_that_describe_it():
    run = Scripted(PERMISSION)
    statement = {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": "arn:aws:lambda:eu-central-1:000000000000:function:f",
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:eu-central-1:000000000000:rule/r"}},
    }
    run.answer("lambda", "get_policy", {"FunctionName": "f"}, {"Policy": json.dumps({"Statement": [statement]})})
    seen = run.read("f/s")
    run.done()
    assert seen is not None
    assert seen.id == "s"
    assert seen.inputs == {
        "function": "f",
        "statementId": "s",
        "action": "lambda:InvokeFunction",
        "principal": "events.amazonaws.com",
        "sourceArn": "arn:aws:events:eu-central-1:000000000000:rule/r",
        "__defaults": [],
    }


def test_an_import_id_of_the_wrong_form_is_refused():
    with pytest.raises(ProviderError, match=r"must have the form \{function\}/\{statementId\}"):
        Scripted(PERMISSION).read("s")


def test_a_target_that_eventbridge_refuses_is_an_error():
    run = Scripted(TARGET)
    entry = {"TargetId": "t", "ErrorCode": "Limit", "ErrorMessage": "too many"}
    run.answer("events", "put_targets", ANY_REQUEST, {"FailedEntryCount": 1, "FailedEntries": [entry]})
    with pytest.raises(ProviderError, match="creating EventBridge Target: Limit: too many"):
        run.create({"rule": "r", "arn": "arn:aws:sqs:eu-central-1:000000000000:q", "targetId": "t"})


def test_a_rule_waits_for_its_targets_to_go():
    run = Scripted(RULE)
    run.refuse("events", "delete_rule", "ValidationException", "Rule can't be deleted since it has targets.")
    run.answer("events", "delete_rule", {"Name": "r", "EventBusName": "default"}, {})
    run.delete("r", {"eventBusName": "default"})
    run.done()


def test_a_full_repository_is_only_deleted_by_force():
    run = Scripted(REPOSITORY).refuse("ecr", "delete_repository", "RepositoryNotEmptyException")
    with pytest.raises(ProviderError, match="not empty, consider using forceDelete"):
        run.delete("app", {"forceDelete": False})


def test_a_resource_may_live_in_another_region():
    run = Scripted(SECRET)
    arn = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:s"
    run.answer("secretsmanager", "create_secret", {"Name": "s"}, {"ARN": arn, "Name": "s"}, region="eu-west-1")
    run.answer("secretsmanager", "describe_secret", {"SecretId": arn}, {"ARN": arn, "Name": "s"}, region="eu-west-1")
    run.answer("secretsmanager", "get_resource_policy", {"SecretId": arn}, {}, region="eu-west-1")
    assert run.create({"name": "s", "region": "eu-west-1"}).outputs["region"] == "eu-west-1"
    run.done()


def test_a_name_prefix_is_completed_at_creation():
    run = Scripted(SECRET)
    run.answer("secretsmanager", "create_secret", {"Name": ANY}, {"ARN": "arn:aws:x:y:z:secret:s", "Name": "p-1"})
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, {"ARN": "arn:aws:x:y:z:secret:s", "Name": "p-1"})
    run.answer("secretsmanager", "get_resource_policy", ANY_REQUEST, {})
    assert run.create({"namePrefix": "p-"}).outputs["name"] == "p-1"


def test_a_user_is_renamed_and_moved_in_place():
    run = Scripted(USER)
    state = {"name": "me", "path": "/", "forceDestroy": False, "tags": {}, "tagsAll": {}}
    run.answer("iam", "update_user", {"UserName": "me", "NewUserName": "you", "NewPath": "/x/"}, {})
    run.answer("iam", "get_user", {"UserName": "you"}, _user(UserName="you", Path="/x/"))
    assert run.update("me", state, {"name": "you", "path": "/x/"})["name"] == "you"
    run.done()


def test_changed_tags_are_set_and_removed_ones_taken_off():
    run = Scripted(USER)
    state = {
        "name": "me",
        "path": "/",
        "forceDestroy": False,
        "tags": {"a": "1", "b": "1"},
        "tagsAll": {"a": "1", "b": "1"},
    }
    run.answer("iam", "untag_user", {"UserName": "me", "TagKeys": ["b"]}, {})
    run.answer("iam", "tag_user", {"UserName": "me", "Tags": [{"Key": "a", "Value": "2"}]}, {})
    run.answer("iam", "get_user", {"UserName": "me"}, _user(Tags=[{"Key": "a", "Value": "2"}]))
    assert run.update("me", state, {"name": "me", "tags": {"a": "2"}})["tags"] == {"a": "2"}
    run.done()


def test_secret_inputs_stay_secret_in_outputs():
    run = Scripted(SECRET)
    found = {
        "ARN": "arn:aws:x:y:z:secret:s",
        "Name": "s",
        "Description": CANARY,
        "Tags": [{"Key": "k", "Value": CANARY}],
    }
    run.answer("secretsmanager", "create_secret", ANY_REQUEST, {"ARN": "arn:aws:x:y:z:secret:s", "Name": "s"})
    run.answer("secretsmanager", "describe_secret", ANY_REQUEST, found)
    run.answer("secretsmanager", "get_resource_policy", ANY_REQUEST, {})
    made = run.create({"name": "s", "description": Secret(CANARY), "tags": {"k": Secret(CANARY)}})
    assert made.outputs["description"] == Secret(CANARY)
    assert CANARY not in repr(made)
