"""EKS as far as whoever looks for node roles or gives pods roles meets it: node groups, Auto Mode's compute, Fargate profiles,
issuers and pod identities, and no cluster behind them but one."""

import json
import re
import secrets
import time
from typing import Any
from urllib.parse import unquote

from local.aws.emulator import Emulator, Reply, around, replace

_PROFILES = re.compile(r"/clusters/([A-Za-z0-9_-]+)/fargate-profiles(?:/([^/]+))?")
# A key with a leading underscore is kept and deleted with the cluster's record, and is never shown.
_KEPT = "_fargate_profiles"
# Who is described by this name is the platform's own cluster.
LOCAL_CLUSTER = "everpull-local"
# Who gives pods their roles, and the audience of the tokens by which they ask.
PODS = "pods.eks.amazonaws.com"
_POD_ACTIONS = ("sts:AssumeRole", "sts:TagSession")


def install(emulator: Emulator, issuer: str | None) -> None:
    """Put the rules around the emulator's own handling. `issuer` is that of LOCAL_CLUSTER's service accounts."""
    eks = emulator.eks
    # The emulator's are plain HTTP with a port, which IAM takes for no issuers.
    replace(eks, "_new_oidc_id", lambda: secrets.token_hex(16).upper())
    replace(
        eks, "_issuer_url", lambda name: f"https://oidc.eks.{emulator.responses.get_region()}.amazonaws.com/id/{name}"
    )
    # Where Docker runs, the emulator would start a cluster in it for each that is described here.
    replace(eks, "_get_docker", lambda: None)
    around(eks, "_create_cluster", lambda create: _with_compute(emulator, create))
    around(eks, "_create_cluster", lambda create: _with_issuer(emulator, issuer, create))
    around(eks, "_create_pod_identity_association", lambda create: _with_pods_role(emulator, create))
    around(eks, "_update_pod_identity_association", lambda update: _with_pods_role(emulator, update))
    around(eks, "_resolve_tag_resource_arn", lambda resolve: _knowing_associations(emulator, resolve))
    for tagging in ("_tag_resource", "_untag_resource"):
        around(eks, tagging, lambda change: _shown_in_associations(emulator, change))
    around(eks, "_create_nodegroup", lambda create: _with_known_role(emulator, create))
    around(eks, "_handle_request_sync", lambda handle: _with_profiles(emulator, handle))


def _role_fault(emulator: Emulator, arn: str) -> Reply | None:
    fault = emulator.evaluator.validate_role_arn(arn)
    return emulator.eks._error(400, "InvalidParameterException", fault) if fault else None


def _with_compute(emulator: Emulator, create: Any) -> Any:
    """The emulator forgets `computeConfig`, which is where Auto Mode's node role is told."""
    eks = emulator.eks

    def created(body: dict[str, Any], *rest: Any, **named: Any) -> Reply:
        compute = body.get("computeConfig")
        if compute:
            # https://docs.aws.amazon.com/eks/latest/APIReference/API_ComputeConfigRequest.html
            role, pools = compute.get("nodeRoleArn"), compute.get("nodePools") or []
            if bool(role) != bool(pools):
                message = "nodeRoleArn and nodePools of computeConfig must be given together."
                return eks._error(400, "InvalidParameterException", message)
            if role and (fault := _role_fault(emulator, role)):
                return fault
        reply = create(body, *rest, **named)
        if reply[0] != 200 or not compute:
            return reply
        cluster = eks._clusters[body["name"]]
        cluster["computeConfig"] = {
            "enabled": bool(compute.get("enabled")),
            "nodePools": compute.get("nodePools") or [],
            **({"nodeRoleArn": compute["nodeRoleArn"]} if compute.get("nodeRoleArn") else {}),
        }
        return eks._json_resp(200, {"cluster": eks._sanitize(cluster)})

    return created


def _with_issuer(emulator: Emulator, issuer: str | None, create: Any) -> Any:
    eks, settings = emulator.eks, emulator.settings

    def created(body: dict[str, Any], *rest: Any, **named: Any) -> Reply:
        reply = create(body, *rest, **named)
        here = (emulator.responses.get_account_id(), emulator.responses.get_region())
        if reply[0] != 200 or (body["name"], *here) != (LOCAL_CLUSTER, settings.account, settings.region) or not issuer:
            return reply
        cluster = eks._clusters[body["name"]]
        cluster["identity"] = {"oidc": {"issuer": issuer}}
        return eks._json_resp(200, {"cluster": eks._sanitize(cluster)})

    return created


def _with_pods_role(emulator: Emulator, write: Any) -> Any:
    """https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html; the words are those that callers of EKS were told."""
    evaluator = emulator.evaluator

    def trusted(role: str) -> bool:
        found = emulator.iam._roles.get_scoped(role.split(":")[4], None, role.rpartition("/")[2])
        document = json.loads(found["AssumeRolePolicyDocument"])
        statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
        allowing = [s for s in statements if s["Effect"] == "Allow" and _names_pods(s.get("Principal"))]
        return all(
            any(evaluator._action_matches(action, _list(s.get("Action")), _list(s.get("NotAction"))) for s in allowing)
            for action in _POD_ACTIONS
        )

    def written(*arguments: Any) -> Reply:
        role = arguments[-1].get("roleArn")
        fault = None
        if role and evaluator.validate_role_arn(role):
            fault = "Role provided in the request does not exist."
        elif role and not trusted(role):
            fault = (
                "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue."
            )
        return emulator.eks._error(400, "InvalidParameterException", fault) if fault else write(*arguments)

    return written


def _association(emulator: Emulator, arn: str) -> dict[str, Any] | None:
    associations = emulator.eks._pod_identity_associations.values()
    return next((found for found in associations if found["associationArn"] == arn), None)


def _knowing_associations(emulator: Emulator, resolve: Any) -> Any:
    """The emulator takes tags at creation, and then finds nothing to tag."""

    def resolved(arn: str) -> tuple[str | None, Reply | None]:
        return (arn, None) if _association(emulator, arn) else resolve(arn)

    return resolved


def _shown_in_associations(emulator: Emulator, change: Any) -> Any:
    def changed(arn: str, *rest: Any) -> Reply:
        reply = change(arn, *rest)
        if found := _association(emulator, arn):
            found["tags"] = dict(emulator.eks._tags.get(arn, {}))
        return reply

    return changed


def _names_pods(principal: Any) -> bool:
    return isinstance(principal, dict) and PODS in _list(principal.get("Service"))


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _with_known_role(emulator: Emulator, create: Any) -> Any:
    def created(cluster: str, body: dict[str, Any]) -> Reply:
        return _role_fault(emulator, body.get("nodeRole") or "") or create(cluster, body)

    return created


def _with_profiles(emulator: Emulator, handle: Any) -> Any:
    """https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateFargateProfile.html and its neighbours."""
    eks = emulator.eks

    def missing(message: str) -> Reply:
        return eks._error(404, "ResourceNotFoundException", message)

    def handled(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Reply:
        found = _PROFILES.fullmatch(path)
        if found is None:
            return handle(method, path, headers, body, query)
        name, profile = found[1], unquote(found[2] or "")
        cluster = eks._clusters.get(name)
        if cluster is None:
            return missing(f"No cluster found for name: {name}.")
        profiles: dict[str, Any] = cluster.setdefault(_KEPT, {})
        if not profile and method == "GET":
            return eks._json_resp(200, {"fargateProfileNames": list(profiles)})
        if not profile and method == "POST":
            return _create_profile(emulator, name, profiles, json.loads(body or b"{}"))
        if profile not in profiles:
            return missing(f"No Fargate Profile found with name: {profile}.")
        shown = profiles.pop(profile) if method == "DELETE" else profiles[profile]
        return eks._json_resp(200, {"fargateProfile": shown})

    return handled


def _create_profile(emulator: Emulator, cluster: str, profiles: dict[str, Any], body: dict[str, Any]) -> Reply:
    eks, responses = emulator.eks, emulator.responses
    name, role = body.get("fargateProfileName") or "", body.get("podExecutionRoleArn") or ""
    if not name or name in profiles:
        message = f"A Fargate Profile already exists with this name in this cluster: {name}"
        return eks._error(400, "InvalidParameterException", message if name else "fargateProfileName is required.")
    if fault := _role_fault(emulator, role):
        return fault
    arn = f"arn:aws:eks:{responses.get_region()}:{responses.get_account_id()}:fargateprofile/{cluster}/{name}/"
    profiles[name] = {
        "fargateProfileName": name,
        "fargateProfileArn": arn + responses.new_uuid(),
        "clusterName": cluster,
        "createdAt": int(time.time()),
        "podExecutionRoleArn": role,
        "subnets": body.get("subnets") or [],
        "selectors": body.get("selectors") or [],
        "status": "ACTIVE",
        "tags": body.get("tags") or {},
    }
    return eks._json_resp(200, {"fargateProfile": profiles[name]})
