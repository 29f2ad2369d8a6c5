"""IAM: users, roles, their policies, access keys and OpenID Connect providers."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from local.providers.aws.model import AutoName, Hooks, Kind, Prop, Retry, Row, State, Tags, call, change
from local.providers.aws.session import Api, AwsError

_GONE = ("NoSuchEntity",)
# A principal or a policy that was made a moment ago may not be known everywhere yet.
_NEW_PRINCIPAL = Retry("MalformedPolicyDocument", "Invalid principal")
_NAME_PREFIX = Prop("namePrefix", computed=True, replace=True, local=True, conflicts=("name",))


def _name(member: str, length: int, *, replace: bool = True) -> Prop:
    return Prop("name", member, computed=True, replace=replace, auto=AutoName(length))


def _delete_user_belongings(api: Api, resource_id: str, state: State) -> None:
    """What AWS wants gone before a user: group memberships always, credentials only with forceDestroy."""
    user = {"UserName": state.get("name") or resource_id}
    for group in api.pages("list_groups_for_user", "Groups[].GroupName", **user):
        api.call("remove_user_from_group", GroupName=group, **user)
    if not state.get("forceDestroy"):
        return
    for key in api.pages("list_access_keys", "AccessKeyMetadata[].AccessKeyId", **user):
        api.call("delete_access_key", AccessKeyId=key, **user)
    try:
        api.call("delete_login_profile", **user)
    except AwsError as error:
        if error.code != "NoSuchEntity":
            raise


def _rename_user(api: Api, _id: str, old: State, new: State, changed: set[str]) -> State:
    if changed & {"name", "path"}:
        api.call("update_user", UserName=old["name"], NewUserName=new["name"], NewPath=new["path"])
    return {}


USER = Row(
    type="aws:iam/user:User",
    noun="IAM User",
    service="iam",
    regional=False,
    props=(
        _name("UserName", 255, replace=False),
        Prop("path", "Path", default="/"),
        Prop("permissionsBoundary", "PermissionsBoundary", read="PermissionsBoundary.PermissionsBoundaryArn"),
        Prop("forceDestroy", kind=Kind.BOOL, default=False, local=True),
    ),
    id="{name}",
    create=call("create_user", "name path permissionsBoundary"),
    # By name and not by id: the engine keeps the id of a user that was renamed in place.
    read=call("get_user", "name"),
    at="User",
    changes=(
        change(
            "permissionsBoundary",
            call("put_user_permissions_boundary", "name permissionsBoundary"),
            call("delete_user_permissions_boundary", "name"),
        ),
    ),
    delete=call("delete_user", "name"),
    outputs={"arn": "Arn", "uniqueId": "UserId"},
    gone=_GONE,
    tags=Tags("UserName", "name", "tag_user", "untag_user", "Tags"),
    hooks=Hooks(update=_rename_user, deleting=_delete_user_belongings),
)


def _inline_policy(owner: str) -> Row:
    prop = owner.lower()
    return Row(
        type=f"aws:iam/{prop}Policy:{owner}Policy",
        noun=f"IAM {owner} Policy",
        service="iam",
        regional=False,
        props=(
            Prop(prop, f"{owner}Name", required=True, replace=True),
            _name("PolicyName", 255),
            _NAME_PREFIX,
            Prop("policy", "PolicyDocument", kind=Kind.JSON, required=True),
        ),
        id=f"{{{prop}}}:{{name}}",
        create=call(f"put_{prop}_policy", f"{prop} name policy"),
        read=call(f"get_{prop}_policy", f"{prop} name"),
        changes=(change("policy", call(f"put_{prop}_policy", f"{prop} name policy")),),
        delete=call(f"delete_{prop}_policy", f"{prop} name"),
        gone=_GONE,
    )


def _read_attachment(owner: str) -> Any:
    def read(api: Api, _id: str, state: State) -> Mapping[str, Any] | None:
        name = state[owner.lower()]
        arns = api.pages(
            f"list_attached_{owner.lower()}_policies", "AttachedPolicies[].PolicyArn", **{f"{owner}Name": name}
        )
        return {f"{owner}Name": name, "PolicyArn": state["policyArn"]} if state["policyArn"] in arns else None

    return read


def _attachment(owner: str) -> Row:
    prop = owner.lower()
    return Row(
        type=f"aws:iam/{prop}PolicyAttachment:{owner}PolicyAttachment",
        noun=f"IAM {owner} Policy Attachment",
        service="iam",
        regional=False,
        props=(
            Prop(prop, f"{owner}Name", required=True, replace=True),
            Prop("policyArn", "PolicyArn", required=True, replace=True),
        ),
        id=f"{{{prop}}}-{{policyArn}}",
        import_id=f"{{{prop}}}/{{policyArn}}",
        create=call(f"attach_{prop}_policy", f"{prop} policyArn"),
        delete=call(f"detach_{prop}_policy", f"{prop} policyArn"),
        gone=_GONE,
        # Creating first would end with the new, equal attachment deleted.
        delete_before_replace=True,
        hooks=Hooks(read=_read_attachment(owner)),
    )


def _read_policy(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    policy = api.call("get_policy", PolicyArn=resource_id)["Policy"]
    version = api.call("get_policy_version", PolicyArn=resource_id, VersionId=policy["DefaultVersionId"])
    return {**policy, "PolicyDocument": version["PolicyVersion"]["Document"]}


def _new_policy_version(api: Api, resource_id: str, _old: State, new: State, changed: set[str]) -> State:
    if "policy" in changed:
        versions = api.pages("list_policy_versions", "Versions[]", PolicyArn=resource_id)
        spare = [version for version in versions if not version["IsDefaultVersion"]]
        if len(versions) >= 5:  # AWS keeps five versions of a policy at most.
            oldest = min(spare, key=lambda version: version["CreateDate"])
            api.call("delete_policy_version", PolicyArn=resource_id, VersionId=oldest["VersionId"])
        api.call("create_policy_version", PolicyArn=resource_id, PolicyDocument=new["policy"], SetAsDefault=True)
    return {}


def _delete_old_policy_versions(api: Api, resource_id: str, _state: State) -> None:
    for version in api.pages("list_policy_versions", "Versions[]", PolicyArn=resource_id):
        if not version["IsDefaultVersion"]:
            api.call("delete_policy_version", PolicyArn=resource_id, VersionId=version["VersionId"])


POLICY = Row(
    type="aws:iam/policy:Policy",
    noun="IAM Policy",
    service="iam",
    regional=False,
    props=(
        _name("PolicyName", 255),
        _NAME_PREFIX,
        Prop("path", "Path", default="/", replace=True),
        Prop("description", "Description", replace=True),
        Prop("policy", "PolicyDocument", kind=Kind.JSON, required=True),
    ),
    id="$Policy.Arn",
    create=call("create_policy", "name path description policy"),
    delete=call("delete_policy", PolicyArn="#id"),
    outputs={"arn": "Arn", "policyId": "PolicyId", "attachmentCount": "AttachmentCount"},
    gone=_GONE,
    tags=Tags("PolicyArn", "#id", "tag_policy", "untag_policy", "Tags"),
    hooks=Hooks(read=_read_policy, update=_new_policy_version, deleting=_delete_old_policy_versions),
)


def smtp_password(secret: str, region: str) -> str:
    """The SES SMTP password that AWS derives from a secret key (its documented SigV4 conversion, version byte 4)."""
    key = b"AWS4" + secret.encode()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return base64.b64encode(b"\x04" + key).decode()


def _create_key(api: Api, inputs: State) -> tuple[str, State]:
    key = api.call("create_access_key", UserName=inputs["user"])["AccessKey"]
    if inputs.get("status") == "Inactive":
        api.call("update_access_key", UserName=inputs["user"], AccessKeyId=key["AccessKeyId"], Status="Inactive")
    secret = key["SecretAccessKey"]
    return key["AccessKeyId"], {"secret": secret, "sesSmtpPasswordV4": smtp_password(secret, api.region)}


def _read_key(api: Api, resource_id: str, state: State) -> Mapping[str, Any] | None:
    user = state.get("user") or api.call("get_access_key_last_used", AccessKeyId=resource_id)["UserName"]
    for key in api.pages("list_access_keys", "AccessKeyMetadata[]", UserName=user):
        if key["AccessKeyId"] == resource_id:
            return {**key, "CreateDate": key["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ")}
    return None


ACCESS_KEY = Row(
    type="aws:iam/accessKey:AccessKey",
    noun="IAM Access Key",
    service="iam",
    regional=False,
    props=(
        Prop("user", "UserName", required=True, replace=True),
        Prop("status", "Status", default="Active", allowed=("Active", "Inactive")),
    ),
    id="$",
    changes=(change("status", call("update_access_key", "user status", AccessKeyId="#id")),),
    delete=call("delete_access_key", "user", AccessKeyId="#id"),
    outputs={"createDate": "CreateDate"},
    once={"secret": "AccessKey.SecretAccessKey", "sesSmtpPasswordV4": ""},
    secret_outputs=("secret", "sesSmtpPasswordV4"),
    gone=_GONE,
    checked_by="create_access_key",
    hooks=Hooks(create=_create_key, read=_read_key),
)


def _read_role(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    role = api.call("get_role", RoleName=resource_id)["Role"]
    return {**role, "CreateDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ")}


def _strip_role(api: Api, resource_id: str, state: State) -> None:
    role = {"RoleName": resource_id}
    for profile in api.pages("list_instance_profiles_for_role", "InstanceProfiles[].InstanceProfileName", **role):
        api.call("remove_role_from_instance_profile", InstanceProfileName=profile, **role)
    if state.get("forceDetachPolicies"):
        for arn in api.pages("list_attached_role_policies", "AttachedPolicies[].PolicyArn", **role):
            api.call("detach_role_policy", PolicyArn=arn, **role)
        for name in api.pages("list_role_policies", "PolicyNames[]", **role):
            api.call("delete_role_policy", PolicyName=name, **role)


ROLE = Row(
    type="aws:iam/role:Role",
    noun="IAM Role",
    service="iam",
    regional=False,
    props=(
        _name("RoleName", 64),
        _NAME_PREFIX,
        Prop("assumeRolePolicy", "AssumeRolePolicyDocument", kind=Kind.JSON, required=True),
        Prop("description", "Description"),
        Prop("maxSessionDuration", "MaxSessionDuration", kind=Kind.INT, default=3600),
        Prop("path", "Path", default="/", replace=True),
        Prop("permissionsBoundary", "PermissionsBoundary", read="PermissionsBoundary.PermissionsBoundaryArn"),
        Prop("forceDetachPolicies", kind=Kind.BOOL, default=False, local=True),
    ),
    id="{name}",
    create=call("create_role", "name assumeRolePolicy description maxSessionDuration path permissionsBoundary"),
    changes=(
        change(
            "assumeRolePolicy", call("update_assume_role_policy", RoleName="#id", PolicyDocument="assumeRolePolicy")
        ),
        change("description maxSessionDuration", call("update_role", "description maxSessionDuration", RoleName="#id")),
        change(
            "permissionsBoundary",
            call("put_role_permissions_boundary", "permissionsBoundary", RoleName="#id"),
            call("delete_role_permissions_boundary", RoleName="#id"),
        ),
    ),
    delete=call("delete_role", RoleName="#id"),
    outputs={"arn": "Arn", "uniqueId": "RoleId", "createDate": "CreateDate"},
    gone=_GONE,
    tags=Tags("RoleName", "#id", "tag_role", "untag_role", "Tags"),
    retries=(_NEW_PRINCIPAL,),
    hooks=Hooks(read=_read_role, deleting=_strip_role),
)


def _check_url(inputs: State) -> list[tuple[str, str]]:
    url = inputs["url"]
    if not isinstance(url, str):
        return []
    if not url.startswith("https://"):
        return [("url", '"url" has to use HTTPS scheme (i.e. begin with https://)')]
    return [("url", '"url" cannot contain query parameters per the OIDC standard')] if "?" in url else []


def _read_oidc_provider(api: Api, resource_id: str, _state: State) -> Mapping[str, Any] | None:
    found = api.call("get_open_id_connect_provider", OpenIDConnectProviderArn=resource_id)
    return {**found, "Arn": resource_id}


def _update_oidc_provider(api: Api, resource_id: str, old: State, new: State, changed: set[str]) -> State:
    provider = {"OpenIDConnectProviderArn": resource_id}
    # IAM takes no empty list here; the real provider leaves the thumbprints then.
    if "thumbprintLists" in changed and new["thumbprintLists"]:
        thumbprints = new["thumbprintLists"]
        api.call("update_open_id_connect_provider_thumbprint", **provider, ThumbprintList=thumbprints)
    before, after = set(old.get("clientIdLists") or ()), set(new["clientIdLists"])
    for client in sorted(after - before):
        api.call("add_client_id_to_open_id_connect_provider", **provider, ClientID=client)
    for client in sorted(before - after):
        api.call("remove_client_id_from_open_id_connect_provider", **provider, ClientID=client)
    return {}


OIDC_PROVIDER = Row(
    type="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    noun="IAM OIDC Provider",
    service="iam",
    regional=False,
    props=(
        # IAM shows it without its scheme.
        Prop("url", "Url", required=True, replace=True, essence=lambda url: url.removeprefix("https://")),
        Prop("clientIdLists", "ClientIDList", kind=Kind.SET, required=True),
        Prop("thumbprintLists", "ThumbprintList", kind=Kind.LIST, computed=True),
    ),
    id="$OpenIDConnectProviderArn",
    create=call("create_open_id_connect_provider", "url clientIdLists thumbprintLists"),
    delete=call("delete_open_id_connect_provider", OpenIDConnectProviderArn="#id"),
    outputs={"arn": "Arn"},
    gone=_GONE,
    tags=Tags(
        "OpenIDConnectProviderArn",
        "#id",
        "tag_open_id_connect_provider",
        "untag_open_id_connect_provider",
        "Tags",
    ),
    hooks=Hooks(check=_check_url, read=_read_oidc_provider, update=_update_oidc_provider),
)

ROWS = (
    USER,
    _inline_policy("User"),
    _attachment("User"),
    POLICY,
    ACCESS_KEY,
    ROLE,
    _inline_policy("Role"),
    _attachment("Role"),
    OIDC_PROVIDER,
)
