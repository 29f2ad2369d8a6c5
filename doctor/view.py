"""What every link is given to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, cast

from components.logins import login_rights
from lambda_src.refresher.registries import PUBLIC, parse_registry
from modes.reaching import login_args
from settings import CronJobSettings, GeneratorSettings, LambdaSettings, Settings
from settings.schedules import rate_minutes

from .aws import Aws, partition_of
from .cluster import Cluster
from .generated import GeneratedLogin, read_generated
from .registry_access import Registries
from .rights import Right, rights_in
from .stored_login import StoredLogin, read_login

_HOURLY = timedelta(hours=1)


@dataclass
class View:
    """A deployed stack: its name, settings and outputs, and what is asked of it. `now` is this machine's time."""

    stack: str
    settings: Settings
    outputs: Mapping[str, Any]
    aws: Aws
    cluster: Cluster
    registries: Registries
    now: datetime

    @property
    def mode(self) -> Literal["lambda", "generator", "cronjob", "node-role"]:
        """What was deployed, whatever the configuration says by now."""
        if "functionName" in self.outputs:
            return "lambda"
        if self.has_hub:
            return "generator"
        return "cronjob" if "cronJob" in self.outputs else "node-role"

    @property
    def has_hub(self) -> bool:
        """Whether ESO copies the pull secrets from a hub."""
        return "hub" in self.outputs

    @property
    def is_in_cluster(self) -> bool:
        """Whether anything of the stack is in a cluster."""
        return "pullSecrets" in self.outputs

    def text(self, output: str) -> str:
        """An output; empty where there is none."""
        return str(self.outputs.get(output) or "")

    def texts(self, output: str) -> list[str]:
        """An output that is a list; empty where there is none."""
        return [str(item) for item in cast(Sequence[object], self.outputs.get(output) or ())]

    def place(self, output: str) -> tuple[str, str]:
        """Namespace and name in an output that is `NAMESPACE/NAME`."""
        namespace, _, name = self.text(output).partition("/")
        return namespace, name

    @cached_property
    def login(self) -> StoredLogin | None:
        """What the secret in Secrets Manager holds; None without content, or a secret. Raises Denied, Unanswered."""
        arn = self.text("loginSecretArn")
        return read_login(self.aws, arn) if arn else None

    @cached_property
    def generated(self) -> list[GeneratedLogin]:
        """The logins that ESO fetches itself; none where it does not. Raises Unreachable, Forbidden."""
        if self.mode != "generator":
            return []
        return read_generated(self.cluster, self.settings, self.place("hub"))

    @property
    def period(self) -> timedelta:
        """Between two runs of the refresher, or after which ESO fetches a login again."""
        match self.settings.delivery:
            case LambdaSettings() as chosen:
                return timedelta(minutes=rate_minutes(chosen.schedule))
            case CronJobSettings() as chosen:
                return timedelta(seconds=chosen.period)
            case GeneratorSettings() as chosen:
                return timedelta(seconds=chosen.renew_interval)
            case _:
                return _HOURLY

    @property
    def run_time(self) -> timedelta:
        """What a run may take; next to nothing where it is a function."""
        chosen = self.settings.delivery
        return timedelta(seconds=chosen.run_deadline if isinstance(chosen, CronJobSettings) else 0)

    @property
    def sync_interval(self) -> timedelta:
        """Between two reads of the login by the hub; none where there is no hub."""
        chosen = self.settings.delivery
        # In mode generator it reads as often as the namespaces do (components/generator_delivery.py).
        return timedelta(seconds=chosen.sync_interval) if isinstance(chosen, LambdaSettings) else self.fan_out_interval

    @property
    def fan_out_interval(self) -> timedelta:
        """Between two reads of the hub by a namespace; none where there is no hub."""
        match self.settings.delivery:
            case LambdaSettings() | GeneratorSettings() as chosen:
                return timedelta(seconds=chosen.fan_out_interval)
            case _:
                return timedelta()

    def followed_by(self, expires: datetime, fetched: datetime | None) -> datetime:
        """When the login after one of those times is in every namespace at the latest, if all goes well.

        The first run after half of a login's life renews it, so that it is no fault if little is left just before. Where that
        run has not come in time, the next one counts from now.
        """
        run = self.now + self.period
        if fetched is not None:
            due = fetched + (expires - fetched) / 2 + self.period
            run = due if due >= self.now else run
        return run + self.run_time + self.sync_interval + self.fan_out_interval

    @property
    def login_rights(self) -> list[Right]:
        """What the refresher's principal must be allowed to fetch the logins, and for pods to pull with them."""
        registries = tuple(parse_registry(host) for host in self.texts("registries") if host != PUBLIC.host)
        args = login_args(replace(self.settings, registries=registries), partition_of(self.text("refresherArn")))
        return rights_in(login_rights(args))

    @property
    def up(self) -> str:
        """The command that makes anew what is the stack's and somebody deleted or changed."""
        return f"pulumi up --refresh --stack {self.stack}"

    @property
    def renew(self) -> str:
        """The command that renews now."""
        return f"make renew STACK={self.stack}"

    def kubectl(self, rest: str, namespace: str | None = None) -> str:
        """A command on the stack's cluster."""
        context = f" --context {self.settings.cluster.context}" if self.settings.cluster.context else ""
        where = f" --namespace {namespace}" if namespace else ""
        return f"kubectl{context}{where} {rest}"

    def aws_cli(self, rest: str) -> str:
        """A command on the stack's account and region."""
        profile = f" --profile {self.settings.aws_profile}" if self.settings.aws_profile else ""
        return f"aws{profile} --region {self.settings.region} {rest}"
