"""The service account that a pod has been given: where its API server is and how it proves itself there.

A projected token lives for an hour or so and kubelet replaces the file before it ends (Kubernetes docs, Configure Service
Accounts for Pods, ServiceAccount token volume projection); whoever holds on to the first one is refused some day.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from .errors import ConfigurationError

# What may stand in a header. Anything else would be quoted by the error of whoever builds the header.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


class ServiceAccount:
    """The API server's `host`, `port` and `authority` (file), and the token, read again whenever its file changes.

    May be asked from several threads. Raises ConfigurationError if any of it is missing.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        folder = Path(environment.get("EVERPULL_SERVICE_ACCOUNT") or _FOLDER)
        faults: list[str] = []
        self.host = environment.get("KUBERNETES_SERVICE_HOST", "").strip("[]")
        port = environment.get("KUBERNETES_SERVICE_PORT", "")
        if not self.host or not re.fullmatch(r"[0-9]{1,5}", port):
            faults.append("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; every pod has them")
        self.port = int(port) if not faults else 0
        self.authority = folder / "ca.crt"
        self._file = folder / "token"
        self._stamp: tuple[int, ...] = ()
        self._token = ""
        if not self.authority.is_file():
            faults.append(f"{self.authority} does not exist; the pod's service account has it mounted")
        if not self.reload():
            faults.append(f"{self._file} holds no token; the pod's service account has it mounted")
        if faults:
            raise ConfigurationError(faults)

    def token(self) -> str:
        """The token, fit to be sent."""
        try:
            found = os.stat(self._file)  # noqa: PTH116 (once a request)
        except OSError:
            return self._token
        if (found.st_mtime_ns, found.st_ino, found.st_size) != self._stamp:
            self.reload()
        return self._token

    def reload(self) -> bool:
        """Reads the file again; whether that gave another token. A file that is no token is passed over."""
        before = self._token
        try:
            with self._file.open(encoding="ascii") as file:
                found = os.fstat(file.fileno())
                token = file.read().strip()
        except (OSError, ValueError):
            return False
        if _TOKEN.fullmatch(token):
            self._token = token
            self._stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        return self._token != before
