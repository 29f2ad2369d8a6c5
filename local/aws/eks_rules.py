"""EKS as far as whoever looks for node roles meets it: node groups, Auto Mode's compute and Fargate profiles, and no cluster
behind them."""

import json
import re
import time
from typing import Any
from urllib.parse import unquote

from local.aws.emulator import Emulator, Reply, around, replace

_PROFILES = re.compile(r"/clusters/([A-Za-z0-9_-]+)/fargate-profiles(?:/([^/]+))?")
# A key with a leading underscore is kept and deleted with the cluster's record, and is never shown.
_KEPT = "_fargate_profiles"


def install(emulator: Emulator) -> None:
    """Put the rules around the emulator's own handling."""
    eks = emulator.eks
    # Where Docker runs, the emulator would start a cluster in it for each that is described here.
    replace(eks, "_get_docker", lambda: None)
    around(eks, "_create_cluster", lambda create: _with_compute(emulator, create))
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
