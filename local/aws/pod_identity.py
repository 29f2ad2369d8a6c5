"""EKS Auth's AssumeRoleForPodIdentity, which the agent on each node asks for pods' credentials.

The emulator has no EKS Auth. What is checked: EKS Auth API Reference, AssumeRoleForPodIdentity; EKS User Guide, "How EKS Pod
Identity works" and "Create a trust policy for EKS Pod Identity". Session tags go into the decision about the trust policy; they
are no tags of the session afterwards.
"""

import json
import logging
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt  # pyright: ignore[reportMissingImports] - only the emulator's environment has it

from local.aws.consistency import deciding
from local.aws.eks_rules import PODS
from local.aws.emulator import Emulator
from local.aws.issuers import Issuers, KeysError
from local.aws.web_identity import UNCHECKED, Refused, audience_of, session, verified

PATH = re.compile(r"/clusters/([A-Za-z0-9_-]+)/assume-role-for-pod-identity")
_ACTIONS = ("sts:AssumeRole", "sts:TagSession")
_SECONDS = 6 * 3600
_SUBJECT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_log = logging.getLogger("everpull.pod_identity")


class PodIdentity:
    """Knows one issuer, that of the platform's own cluster, whatever the cluster is called in EKS."""

    def __init__(self, emulator: Emulator, issuers: Issuers, issuer: str) -> None:
        self._emulator, self._issuers, self._issuer = emulator, issuers, issuer

    async def assume(self, cluster: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and document of the answer."""
        try:
            token = json.loads(body)["token"]
            claims = await self._believed(token)
            return 200, self._assumed(cluster, claims)
        except Refused as refusal:
            _log.info("%s for a pod of %s: %s", refusal.code, cluster, refusal)
            return refusal.status, {"__type": refusal.code, "message": str(refusal)}
        except (ValueError, KeyError, TypeError):
            return 400, {"__type": "InvalidRequestException", "message": "A token is required."}

    async def _believed(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that the cluster made for pod identities. Raises Refused."""
        try:
            kid, claimed = jwt.get_unverified_header(token).get("kid"), jwt.decode(token, options=UNCHECKED)
            if claimed.get("iss") != self._issuer:
                raise Refused("InvalidTokenException", "The token is not of this cluster's issuer.")
            key = (await self._issuers.keys(self._issuer))[kid]
        except (jwt.PyJWTError, KeysError, KeyError):
            raise Refused("InvalidTokenException", "The token can't be verified.") from None
        try:
            claims = verified(token, key, claimed)
            audience = audience_of(claims)
        except Refused as refusal:
            code = refusal.code if refusal.code == "ExpiredTokenException" else "InvalidTokenException"
            raise Refused(code, str(refusal)) from None
        if audience != PODS:
            raise Refused("InvalidTokenException", f"The token's audience is not {PODS}.")
        return claims

    def _assumed(self, cluster: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        emulator, eks, account = self._emulator, self._emulator.eks, self._emulator.settings.account
        subject = _SUBJECT.fullmatch(str(claims["sub"]))
        namespace, name = subject.groups() if subject else ("", "")
        association = self._association(cluster, namespace, name)
        role_arn = association["roleArn"]
        with deciding():
            role = emulator.iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])
        arn = eks._clusters.get_scoped(account, emulator.settings.region, cluster)["arn"]
        tags = {
            "eks-cluster-arn": arn,
            "eks-cluster-name": cluster,
            "kubernetes-namespace": namespace,
            "kubernetes-service-account": name,
        }
        if role is None or not self._trusts(role, role_arn, arn, tags):
            raise Refused(
                "AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume it."
            )
        session_name = f"eks-{cluster}-{uuid.uuid4()}"
        assumed = f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/{session_name}"
        session_id = f"{role['RoleId']}:{session_name}"
        made = session(emulator, assumed, session_id, account, _SECONDS)
        return {
            "subject": {"namespace": namespace, "serviceAccount": name},
            "audience": PODS,
            "podIdentityAssociation": {key: association[key] for key in ("associationArn", "associationId")},
            "assumedRoleUser": {"arn": assumed, "assumeRoleId": session_id},
            "credentials": {
                "accessKeyId": made["AccessKeyId"],
                "secretAccessKey": made["SecretAccessKey"],
                "sessionToken": made["SessionToken"],
                "expiration": int(time.time()) + _SECONDS,
            },
        }

    def _association(self, cluster: str, namespace: str, name: str) -> Mapping[str, Any]:
        settings = self._emulator.settings
        for (account, region, _), found in list(self._emulator.eks._pod_identity_associations._data.items()):
            here = (account, region, found["clusterName"]) == (settings.account, settings.region, cluster)
            if here and (found["namespace"], found["serviceAccount"]) == (namespace, name):
                return found
        message = f"No association found for service account {name} of namespace {namespace} in cluster {cluster}."
        raise Refused("ResourceNotFoundException", message, 404)

    def _trusts(self, role: Mapping[str, Any], role_arn: str, cluster_arn: str, tags: Mapping[str, str]) -> bool:
        evaluator, account = self._emulator.evaluator, self._emulator.settings.account
        keys = {"aws:sourceaccount": account, "aws:sourcearn": cluster_arn}
        keys |= {f"aws:requesttag/{tag}": value for tag, value in tags.items()}

        def allowed(action: str) -> bool:
            context = evaluator.EvalContext(
                principal_arn="",
                principal_type="Service",
                principal_account="",
                action=action,
                resource_arn=role_arn,
                region=self._emulator.settings.region,
                service_context=keys,
            )
            document = role["AssumeRolePolicyDocument"]
            return evaluator.evaluate_resource_policy(document, context, service=PODS).decision == "Allow"

        return all(allowed(action) for action in _ACTIONS)
