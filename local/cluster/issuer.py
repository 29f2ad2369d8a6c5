"""The cluster as an issuer of its service accounts' tokens: its keys are for all to read, as those of EKS clusters are.

Kubernetes documentation, "Configure Service Accounts for Pods", section "ServiceAccount token issuer discovery".
"""

from local.cluster.api import Api, path_of
from local.state import PlatformState

NAME = "local-platform.everpull:issuer"
_GROUP = "rbac.authorization.k8s.io"
_BINDING = {
    "apiVersion": f"{_GROUP}/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": NAME},
    # Of Kubernetes itself: it may read the discovery document and the public keys, and nothing else.
    "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": "system:service-account-issuer-discovery"},
    "subjects": [{"apiGroup": _GROUP, "kind": "Group", "name": "system:unauthenticated"}],
}


def keys_url(state: PlatformState) -> str:
    """Where the API server shows them."""
    return f"{state.kube_api}/openid/v1/jwks"


def ensure(api: Api) -> str:
    """Open them to the AWS side, which has no credentials of the cluster; gives "applied" or "kept". Raises ApiError."""
    before = api.get(path_of(_BINDING))
    return "kept" if api.apply(path_of(_BINDING), _BINDING) == before else "applied"
