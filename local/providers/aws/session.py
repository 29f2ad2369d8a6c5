"""The provider's view of AWS: credentials, regions, checked calls, readable errors, patient retries."""

import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.providers.aws.model import Retry
from local.providers.aws.validate import problems
from local.providers.common.provider import ProviderError

# The AWS SDK names of services that the real provider's `endpoints` block knows by other names too.
_ENDPOINT_NAMES = {
    "cloudwatchevents": "events",
    "eventbridge": "events",
    "cloudwatchlog": "logs",
    "cloudwatchlogs": "logs",
}


class AwsError(ProviderError):
    """An answer that isn't a success: `code` is AWS's, "" when no answer came."""

    def __init__(self, service: str, operation: str, code: str, message: str) -> None:
        super().__init__(f"operation error {service}: {operation}: {': '.join(filter(None, (code, message)))}")
        self.code = code
        self.message = message


class InvalidRequestError(ProviderError):
    """The request breaks the service's own model; nothing was sent."""


@dataclass(frozen=True)
class Settings:
    """What the provider was configured with. `endpoints` is by botocore's service name."""

    region: str
    endpoints: dict[str, str]
    skip_credentials_validation: bool = False


def require_loopback(url: str) -> None:
    """Raises ProviderError unless the address is on this machine: the stand-in never acts on a real account."""
    host = urlsplit(url).hostname or ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
    if not local:
        raise ProviderError(
            f"the local stand-in for pulumi-resource-aws was sent to {host or 'no host'}, but it only talks to an AWS "
            "emulator on this machine (set AWS_ENDPOINT_URL); for a real account take it off PATH, so that Pulumi "
            "installs the real plugin"
        )


class Session:
    """Makes and keeps clients, one per service and region. Safe to use from several threads."""

    def __init__(self, boto: boto3.Session, settings: Settings, cancelled: threading.Event) -> None:
        self.settings = settings
        self.cancelled = cancelled
        self._boto = boto
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._lock = threading.Lock()
        self._identity: dict[str, str] | None = None

    def client(self, service: str, region: str, *, once: bool = False) -> Any:
        """A boto3 client; with `once` one that never repeats a request and waits for as long as a Lambda may run."""
        key = (service, region, once)
        with self._lock:
            if key not in self._clients:
                config = Config(
                    retries={"mode": "standard", "total_max_attempts": 1 if once else 5},
                    connect_timeout=5,
                    read_timeout=910 if once else 60,
                    parameter_validation=False,
                )
                client = self._boto.client(
                    service, region_name=region, endpoint_url=self.settings.endpoints.get(service), config=config
                )
                require_loopback(client.meta.endpoint_url)
                self._clients[key] = client
            return self._clients[key]

    def region_description(self, region: str) -> str:
        """The region's name for people; raises ProviderError for a region that botocore doesn't know."""
        partitions = self._boto._session.get_component("data_loader").load_data("endpoints")["partitions"]
        for partition in partitions:
            if region in partition["regions"]:
                return partition["regions"][region]["description"]
        raise ProviderError(f"no matching region found: {region}")

    def identity(self) -> dict[str, str]:
        """Account, Arn and UserId of the caller; raises AwsError when the credentials are refused."""
        if self._identity is None:
            answer = Api(self, "sts", self.settings.region).call("get_caller_identity")
            self._identity = {key: answer[key] for key in ("Account", "Arn", "UserId")}
        return self._identity


class Api:
    """One service in one region, as rows and hooks use it."""

    def __init__(self, session: Session, service: str, region: str) -> None:
        self.session = session
        self.service = service
        self.region = region

    def of(self, service: str) -> "Api":
        """Another service in the same region."""
        return Api(self.session, service, self.region)

    @property
    def account(self) -> str:
        """The caller's account id."""
        return self.session.identity()["Account"]

    @property
    def partition(self) -> str:
        """The partition of the region, `aws` for most."""
        return self.session.client("sts", self.region).meta.partition

    def call(self, op: str, **params: Any) -> dict[str, Any]:
        """Sends one request, checked first. Raises InvalidRequestError or AwsError."""
        return self._send(self.session.client(self.service, self.region), op, params)

    def call_once(self, op: str, **params: Any) -> dict[str, Any]:
        """The same, but never repeated when no answer comes, and with the patience that a Lambda function needs."""
        return self._send(self.session.client(self.service, self.region, once=True), op, params)

    @staticmethod
    def _send(client: Any, op: str, params: dict[str, Any]) -> dict[str, Any]:
        with _checked(client, op, params):
            answer = getattr(client, op)(**params)
        answer.pop("ResponseMetadata", None)
        return answer

    def pages(self, op: str, path: str, **params: Any) -> list[Any]:
        """All items at a JMESPath of a listing, page by page. Raises as `call`."""
        client = self.session.client(self.service, self.region)
        if not client.can_paginate(op):
            return jmespath.search(path, self.call(op, **params)) or []
        with _checked(client, op, params):
            answers = list(client.get_paginator(op).paginate(**params))
        return [item for answer in answers for item in jmespath.search(path, answer) or []]

    def patient(self, retries: tuple[Retry, ...], work: Callable[[], Any]) -> Any:
        """Does the work again, each second, while it fails in a way that means "not yet", up to that way's limit."""
        started = monotonic()
        while True:
            try:
                return work()
            except AwsError as error:
                limit = max(
                    (r.seconds for r in retries if r.code == error.code and r.message in error.message), default=0
                )
                if monotonic() - started >= limit or self.session.cancelled.wait(1.0):
                    raise

    def wait_for(self, what: str, seconds: float, condition: Callable[[], bool]) -> None:
        """Looks once a second until the condition holds; raises ProviderError naming `what` when it doesn't in time."""
        deadline = monotonic() + seconds
        while not condition():
            if self.session.cancelled.wait(1.0):
                raise ProviderError(f"waiting for {what} was interrupted")
            if monotonic() > deadline:
                raise ProviderError(f"{what} did not happen within {seconds:.0f} s")


@contextmanager
def _checked(client: Any, op: str, params: dict[str, Any]) -> Iterator[None]:
    """Refuses a request that breaks the model and makes errors readable."""
    operation = client.meta.method_to_api_mapping[op]
    model = client.meta.service_model
    faults = problems(model.operation_model(operation).input_shape, params)
    if faults:
        raise InvalidRequestError(f"{model.service_id} {operation} request: {'; '.join(faults)}")
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        raise AwsError(model.service_id, operation, detail.get("Code", ""), detail.get("Message", "")) from None
    except BotoCoreError as error:
        raise AwsError(model.service_id, operation, "", str(error)) from None


def service_endpoints(block: Any) -> dict[str, str]:
    """The provider's `endpoints` list as a map by botocore's service name."""
    pairs: list[tuple[str, str]] = [pair for entry in block or [] for pair in entry.items() if pair[1]]
    return {_ENDPOINT_NAMES.get(name, name): url for name, url in pairs}
