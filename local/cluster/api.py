"""A small client of the API server for the platform's own needs, with the administrator's certificate."""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.cluster.certificates import Pki

_FIELD_MANAGER = "everpull-local-platform"


class ApiError(Exception):
    """The API server refused a request or was not there. `status` is the HTTP status, 0 without an answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Api:
    """Requests to the API server at `url`, as the subject whose files start with `stem`."""

    def __init__(self, url: str, pki: Pki, stem: str = "admin", timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ValueError(f"{url!r} is no address of an API server")
        self._host, self._port, self._timeout = parts.hostname, parts.port or 443, timeout
        self._tls = ssl.create_default_context(cafile=str(pki.authority))
        self._tls.load_cert_chain(pki.certificate(stem), pki.key(stem))

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:
        """Send one request; gives the decoded JSON answer, or text where it is none.

        Raises:
            ApiError: no answer, or one with an error status.
        """
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls, timeout=self._timeout)
        try:
            headers = {"Accept": "application/json", "Content-Type": content_type}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(0, f"{method} {path}: {error}") from None
        finally:
            connection.close()
        try:
            content = json.loads(text)
        except ValueError:
            content = text
        if answer.status >= 400:
            message = content.get("message", text) if isinstance(content, dict) else text
            raise ApiError(answer.status, f"{method} {path}: {answer.status} {message}")
        return content

    def get(self, path: str) -> Any:
        """The object at `path`; None when there is none."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(self, path: str, body: dict[str, Any]) -> Any:
        """Server-side apply of `body` as the object at `path`; what others own in it is taken over."""
        query = urlencode({"fieldManager": _FIELD_MANAGER, "force": "true"})
        return self.request("PATCH", f"{path}?{query}", body, "application/apply-patch+yaml")

    def ready(self) -> str | None:
        """None when the API server says it is ready, else why not."""
        try:
            self.request("GET", "/readyz")
        except ApiError as error:
            return str(error)
        return None


# The collections of what the platform applies, by kind.
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "MutatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
}


def path_of(manifest: dict[str, Any]) -> str:
    """The API path of an object that the platform applies. Raises KeyError for another kind."""
    metadata = manifest["metadata"]
    collection = _COLLECTIONS[manifest["kind"]].format(namespace=metadata.get("namespace", ""))
    return f"{collection}/{metadata['name']}"
