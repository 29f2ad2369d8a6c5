"""The agent: it changes a pod's token for credentials, and keeps the list of who has an association.

EKS User Guide, "How EKS Pod Identity works"; the answer is that of the container credential provider (AWS SDKs and Tools
Reference Guide, "Container credential provider").
"""

import json
import logging
import threading
from datetime import UTC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from local.cluster.api import Api, ApiError, path_of
from local.cluster.pod_identity import associations

CREDENTIALS = "/v1/credentials"
HEALTH = "/healthz"
_SECONDS_BETWEEN_LOOKS = 1.0
_log = logging.getLogger("everpull.pod_identity")


class Agent(ThreadingHTTPServer):
    """Serves until it is shut down. `eks_auth` and `eks` are clients of the AWS side, for the cluster of that name in EKS."""

    daemon_threads = True

    def __init__(self, port: int, cluster: str, eks_auth: Any, eks: Any, api: Api) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._cluster, self._eks_auth, self._eks, self._api = cluster, eks_auth, eks, api
        self._listed: object = None
        self.stopped = threading.Event()

    def credentials(self, token: str) -> tuple[int, dict[str, str]]:
        """Status and document for a pod that shows this token."""
        try:
            answer = self._eks_auth.assume_role_for_pod_identity(clusterName=self._cluster, token=token)
        except ClientError as error:
            return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500), {"message": str(error)}
        except BotoCoreError as error:
            return 500, {"message": str(error)}
        found = answer["credentials"]
        return 200, {
            "AccessKeyId": found["accessKeyId"],
            "SecretAccessKey": found["secretAccessKey"],
            "Token": found["sessionToken"],
            "AccountId": answer["assumedRoleUser"]["arn"].split(":")[4],
            "Expiration": found["expiration"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def keep_listing(self) -> None:
        """Tells the cluster who has an association, as soon as that changes, until the agent is stopped."""
        while not self.stopped.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                self._list()
            except (ApiError, BotoCoreError, ClientError) as error:
                _log.warning("the associations are not told: %s", error)

    def _list(self) -> None:
        try:
            found = self._eks.list_pod_identity_associations(clusterName=self._cluster)["associations"]
        except self._eks.exceptions.ResourceNotFoundException:
            found = []
        wanted = associations((item["namespace"], item["serviceAccount"]) for item in found)
        if wanted != self._listed:
            self._api.apply(path_of(wanted), wanted)
            self._listed = wanted


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == HEALTH:
            self._answer(200, {})
        elif self.path == CREDENTIALS:
            self._answer(*cast(Agent, self.server).credentials(self.headers.get("Authorization", "")))
        else:
            self._answer(404, {"message": f"{self.path} is not part of this stand-in"})

    def _answer(self, status: int, document: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        _log.info(format, *arguments)
