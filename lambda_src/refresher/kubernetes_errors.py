"""What a refusal of the Kubernetes API server means and what to do about it. Pure.

The text of an answer is never passed on: that of a 422 quotes values of the object that was sent, and an admission webhook's
may hold anything. What is said is made of the Status object's `reason` and of names that it gives (Kubernetes API
conventions, Response Status Kind).
"""

import re
from dataclasses import dataclass

from .errors import ApiCallError, ApiDeniedError, NamespaceMissingError, RefreshError
from .shapes import Object, mapping, sequence

# How RBAC words a denial (k8s.io/apiserver, handlers/responsewriters, forbiddenMessage).
_NO_RIGHT = re.compile(r'User "(?P<user>[\w.:@/-]{1,253})" cannot [a-z]+ resource ')
# Who else may refuse with 403: quotas, webhooks and policies, all of which name themselves.
_ADMISSION = re.compile(
    r"(?P<quota>exceeded quota: )(?P<name>[\w.-]{1,253})"
    r'|admission webhook "(?P<webhook>[\w.-]{1,253})" denied'
    r"|ValidatingAdmissionPolicy '(?P<policy>[\w.:-]{1,253})'"
)
# One word that machines compare (Kubernetes API conventions, Response Status Kind).
_REASON = re.compile(r"[A-Za-z]{1,50}")
_FIELD = re.compile(r"[\w.\[\]/-]{1,200}", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """A request, in the words of RBAC. `grant` names the Role that allows it in the namespace, or the ClusterRole in all."""

    verb: str
    resource: str
    name: str
    grant: str
    everywhere: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name}".rstrip()


def is_terminating(body: Object) -> bool:
    """Whether the request was refused because its namespace is being deleted."""
    causes = sequence(mapping(body.get("details")).get("causes"))
    return any(mapping(cause).get("reason") == "NamespaceTerminating" for cause in causes)


def is_missing_namespace(status: int, body: Object) -> bool:
    """Whether what was not found is the namespace and not the object in it."""
    return status == 404 and mapping(body.get("details")).get("kind") == "namespaces"


def failure(asked: Asked, status: int, body: Object) -> RefreshError:
    """The failure that an answer other than 2xx is."""
    if is_missing_namespace(status, body):
        return NamespaceMissingError(
            "the namespace does not exist: make it, or take it out of everpull:namespaces; the next run serves it"
        )
    said = _SAID.get(status)
    if status == 401:
        return ApiDeniedError(f"the API server does not accept the service account's token (asked to {asked})")
    if status == 403:
        return _forbidden(asked, body)
    reason = body.get("reason")
    named = f" {reason}" if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
    where = "".join(f", field {field}" for field in _fields(body))
    return ApiCallError(f"the API server could not {asked}: {status}{named}{where}{f': {said}' if said else ''}")


# By status: what an operator can do about it.
_SAID = {
    404: "there is no such object",
    409: "somebody else kept changing it at the same time; the next run tries again",
    413: "it is too large",
    415: "the API server knows no server-side apply: Kubernetes 1.22 or later does",
    422: "the object was found invalid",
    429: "the API server is overloaded; the next run tries again",
}


def _forbidden(asked: Asked, body: Object) -> RefreshError:
    message = body.get("message")
    text = message if isinstance(message, str) else ""
    if denied := _NO_RIGHT.search(text):
        if asked.everywhere:
            return ApiDeniedError(
                f"{denied['user']} may not {asked} in all namespaces: {asked.grant} and its binding allow it,"
                " `pulumi up --refresh` makes them again"
            )
        return ApiDeniedError(
            f"{denied['user']} may not {asked} in this namespace: {asked.grant} and its binding allow it,"
            " `pulumi up --refresh` makes them again; a namespace that does not exist has none"
        )
    refused = _ADMISSION.search(text)
    if refused is None:
        by = "an admission check"
    elif refused["quota"]:
        by = f"the ResourceQuota {refused['name']}"
    elif refused["webhook"]:
        by = f"the admission webhook {refused['webhook']}"
    else:
        by = f"the ValidatingAdmissionPolicy {refused['policy']}"
    return ApiCallError(f"{by} refused to {asked}: it has to let the Secret through")


def _fields(body: Object) -> list[str]:
    found = [mapping(cause).get("field") for cause in sequence(mapping(body.get("details")).get("causes"))]
    return [field for field in found if isinstance(field, str) and _FIELD.fullmatch(field)][:3]
