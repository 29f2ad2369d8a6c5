"""The one place that knows ministack: its environment, its modules, and the functions of its that are replaced.

ministack is pinned to an exact version; what is reached into here is checked at start, so that an update that moves
something fails loudly instead of silently losing a check.
"""

import importlib
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# status, headers, body; as ministack's handlers answer.
Reply = tuple[int, dict[str, str], Any]
# (method, path, headers, body, query parameters, request id)
Dispatch = Callable[[str, str, dict[str, str], bytes, dict[str, Any], str], Awaitable[Reply]]

# What the modes of everpull touch, and no more: every service is a listener, a thread or a state file less.
SERVICES = (
    "iam,sts,secretsmanager,lambda,events,scheduler,logs,sqs,sns,ecr,kms,monitoring,eks,ssm,tagging,cloudtrail,"
    "account,organizations"
)


@dataclass(frozen=True)
class Settings:
    """How the emulator runs. `port` is where it will be served; access keys are the deployer's (root's).

    `function_variables` are those of every Lambda function beside its own and the runtime's.
    """

    port: int
    data_dir: Path
    account: str
    region: str
    access_key_id: str
    secret_access_key: str
    function_variables: Mapping[str, str] = field(default_factory=dict)


def environment(settings: Settings) -> dict[str, str]:
    """The whole environment of the process: ministack reads its options there and hands it on to every Lambda, so it
    holds nothing of the person's own shell."""
    data = settings.data_dir
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(data / "home"),
        "TMPDIR": str(data / "tmp"),
        "AUTH": "true",
        "LAMBDA_EXECUTOR": "local",
        "SERVICES": SERVICES,
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": settings.account,
        "MINISTACK_REGION": settings.region,
        "AWS_ACCESS_KEY_ID": settings.access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.secret_access_key,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data / "state"),
        "S3_DATA_DIR": str(data / "s3"),
        # No other listener, and no look at a Docker daemon.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{data / 'no-docker.sock'}",
        "LOG_LEVEL": "INFO",
        **settings.function_variables,
    }


class Emulator:
    """ministack in this process, with root's signatures checked too."""

    def __init__(self, settings: Settings) -> None:
        """Import ministack under `settings`; once per process, because it reads its options at import."""
        # A killed process leaves the folders of its Lambda functions behind.
        shutil.rmtree(settings.data_dir / "tmp", ignore_errors=True)
        for name in ("home", "tmp", "state", "s3"):
            (settings.data_dir / name).mkdir(parents=True, exist_ok=True)
        os.environ.clear()
        os.environ.update(environment(settings))
        self.settings = settings
        self.web = _module("app")
        self.evaluator = _module("core.iam_evaluator")
        self.actions = _module("core.iam_actions")
        self.router = _module("core.router")
        self.responses = _module("core.responses")
        self.persistence = _module("core.persistence")
        self.ecr = _module("services.ecr")
        self.eks = _module("services.eks")
        self.events = _module("services.eventbridge")
        self.functions = _module("services.lambda_svc")
        self.iam = _module("services.iam")
        self.logs = _module("services.cloudwatch_logs")
        self.monitoring = _module("services.cloudwatch")
        self.queues = _module("services.sqs")
        self.secrets = _module("services.secretsmanager")
        self.sts = _module("services.sts")
        self.topics = _module("services.sns")
        # Before anything stands around it: as IAM is now.
        self.live_credential = self.evaluator.resolve_credential
        self._check_root_signatures()

    def _check_root_signatures(self) -> None:
        """ministack lets anyone in as root who names the key "test", root's key or an account id, whatever the
        signature. Here root is who signs with root's secret; "test" is nobody unless configured."""
        numbered = self.evaluator._ACCOUNT_ID_RE.fullmatch
        root_key = self.settings.access_key_id

        def is_root_access_key(access_key_id: str) -> bool:
            return not access_key_id or access_key_id == root_key or bool(numbered(access_key_id))

        replace(self.evaluator, "is_root_access_key", is_root_access_key)
        replace(self.sts, "is_root_access_key", is_root_access_key)
        # Only decides which requests skip the signature check: none does.
        replace(self.evaluator, "_is_root_key", lambda _access_key_id: False)

    def wrap_dispatch(self, wrap: Callable[[Dispatch], Dispatch]) -> None:
        """Put `wrap` around the handling of every AWS API request, authentication and authorisation included."""
        replace(self.web, "_dispatch_service_request", wrap(self.web._dispatch_service_request))

    def add_service(self, name: str, target: str, handle: Callable[[str, dict[str, str]], Reply]) -> None:
        """A service of AWS's JSON protocol that ministack lacks, named as in IAM; `target` begins its X-Amz-Target.

        `handle` is given the action and the headers of requests that may do it.
        """
        tables = (self.router.SERVICE_PATTERNS, self.actions.SERVICE_TO_IAM_NAMESPACE, self.web.SERVICE_HANDLERS)
        if any(name in table for table in tables):
            raise RuntimeError(f"ministack has {name} itself: local/aws must be brought up to its version")
        patterns, namespaces, handlers = tables
        patterns[name] = {"target_prefixes": [target], "credential_scope": name}
        namespaces[name] = name

        async def handler(_method: str, _path: str, headers: dict[str, str], *_rest: Any) -> Reply:
            return handle(headers.get("x-amz-target", "").rpartition(".")[2], headers)

        handlers[name] = handler

    def verified_access_key(self) -> str:
        """The access key whose signature the current request passed."""
        return self.evaluator._verified_key.get()


def _module(name: str) -> Any:
    return importlib.import_module(f"ministack.{name}")


def replace(owner: Any, name: str, value: Any) -> None:
    """Set `owner.name`, which must exist: a renamed function must not leave its replacement dangling."""
    if not hasattr(owner, name):
        raise RuntimeError(f"ministack has no {owner.__name__}.{name}: local/aws must be brought up to its version")
    setattr(owner, name, value)


def around(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace the function `owner.name` by `make(function)`; a module's own code then calls the new one too."""
    original = getattr(owner, name, None)
    if original is None:
        raise RuntimeError(f"ministack has no {owner.__name__}.{name}: local/aws must be brought up to its version")
    setattr(owner, name, make(original))
