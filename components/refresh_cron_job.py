"""The CronJob that keeps the pull secrets fresh from inside the cluster."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NotRequired

import pulumi
from pulumi_kubernetes.batch.v1 import CronJob, Job, JobSpecArgsDict
from pulumi_kubernetes.core.v1 import ConfigMap, EnvVarArgsDict, TolerationArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from .before_create import Ask, before_create, place
from .delivery import DeliveryArgs
from .logins import login_environment
from .refresh_pod import CONTAINER, TARGETS_FILE, TARGETS_FOLDER, Pod, environment, job_spec
from .refresh_rights import RefreshRights
from .refresher_source import PACKAGE, source_hash, source_texts

# Physical names, all in the system namespace. None may be one that another mode uses there: in a change of mode both
# deliveries exist for a while, and an object that both call theirs would go with the old one.
NAME = "refresher"
CODE_NAME = f"{NAME}-code"
TARGETS_NAME = f"{NAME}-targets"
FIRST_RUN_NAME = f"{NAME}-first-run"
HAND_OVER_NAME = f"{NAME}-hand-over"

# A new user's rights take effect some time after IAM said yes (IAM User Guide, Troubleshooting: changes that I make are not
# always immediately visible), so the run at deploy time waits for them.
AWAIT_RIGHTS_SECONDS = 90
_RETRIES = 2
_FIRST_RUN_RETRIES = 1
# Pods that are tried 10, 20 and 40 seconds after another (Kubernetes docs, Jobs, Pod backoff failure policy).
_FIRST_RUN_RETRIES_IN_NEW_PODS = 3
# Of a day's runs what somebody may want to look at.
_KEPT_SUCCESSES = 1
_KEPT_FAILURES = 3
_KEEP_JOBS_SECONDS = 24 * 3600


class CronJobArgs(DeliveryArgs):
    """What the delivery is told, and all of it but the repositories concerns the CronJob."""

    role: str
    """Name of the Roles by which the pull secret may be written, unique in the cluster, and another for another secret."""

    label_selector: str
    """Label selector of further namespaces whose pods pull; empty for none."""

    excluded_namespaces: Sequence[str]
    """Namespaces that get no pull secret whatever their labels are."""

    adopt: bool
    """Whether a Secret of the pull secret's name that something else made may be taken over."""

    schedule: str
    """Cron expression of the refresher, in UTC."""

    period: int
    """Seconds between two firings of it."""

    run_deadline: int
    """Seconds after which a run is ended."""

    image: str
    """Image that it runs, with Python 3.11 or later and boto3."""

    image_pull_policy: str
    """When nodes pull the image."""

    node_selector: Mapping[str, str]
    """Labels of the nodes that it may run on."""

    tolerations: Sequence[TolerationArgsDict]
    """Taints of nodes that it bears."""

    before_job: NotRequired[Ask | None]
    """Called with a Job's `NAMESPACE/NAME` before it is made. Nothing is asked by default."""

    hand_over: Callable[[], Awaitable[str]]
    """Called once the first run has made the pull secrets the CronJob's own. Gives the same text each time, as soon as whatever
    wrote them before is gone."""


class RefreshCronJobArgs(CronJobArgs):
    """Arguments of RefreshCronJob. The system namespace must hold what `environment` refers to."""

    environment: pulumi.Input[Sequence[EnvVarArgsDict]]
    """`env` entries through which its AWS SDK finds the identity."""

    token_audience: NotRequired[str]
    """Audience of the service account's token that goes with them, which the pods then get. None by default."""

    in_new_pods: NotRequired[bool]
    """Whether a pod that was made before AWS knew all about the identity never gets it. Not by default."""

    revision: pulumi.Input[str]
    """Changes whenever the identity or its rights do, so that the first run proves them anew."""


class RefreshCronJob(pulumi.ComponentResource):
    """Rights, code and targets, a first run as a Job, and only then the CronJob.

    Code and targets lie in ConfigMaps that are named by their content, and the first run is named by all that it is made of: so
    a change makes new ones, proves them, moves the CronJob over, and only then deletes the old ones.
    """

    cron_job: pulumi.Output[str]
    """`NAMESPACE/NAME` of the CronJob."""

    first_run: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Job that ran at deploy time."""

    hand_over: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Job that ran once nothing else wrote the pull secrets any more."""

    pull_secrets: pulumi.Output[list[str]]
    """`NAMESPACE/NAME` of each listed namespace's pull secret, once it holds a live login."""

    def __init__(self, name: str, args: RefreshCronJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:RefreshCronJob", name, None, opts)
        self._args = args
        rights = RefreshRights(
            f"{name}-rights",
            {
                "service_account": NAME,
                "system_namespace": args["system_namespace"],
                "pull_secret_name": args["pull_secret_name"],
                "role": args["role"],
                "namespaces": args["namespaces"],
                "everywhere": bool(args["label_selector"]),
                "labels": args["labels"],
            },
            pulumi.ResourceOptions(parent=self),
        )
        code_name = f"{CODE_NAME}-{source_hash()[:10]}"
        files = {PurePosixPath(path).name: text for path, text in source_texts().items()}
        code = self._content(f"{name}-code", code_name, files)
        targets = pulumi.Output.all(rights.owners, rights.owner_everywhere).apply(lambda owners: self._targets(*owners))
        targets_name = targets.apply(lambda text: f"{TARGETS_NAME}-{_short_hash(text)}")
        targets_map = self._content(f"{name}-targets", targets_name, {TARGETS_FILE: targets})
        pod = self._pod(code_name)
        env = self._environment()
        first_run = self._first_run(name, pod, targets_name, env, depends_on=[rights, code, targets_map])
        hand_over = self._hand_over(name, pod, targets_name, env, first_run)
        cron_job = CronJob(
            f"{name}-cron-job",
            metadata=self._metadata(NAME),
            spec={
                "schedule": args["schedule"],
                # Not the controller's own: a change of the clocks would stretch a period.
                "time_zone": "Etc/UTC",
                "concurrency_policy": "Forbid",
                # A run that was missed is made up for until the next one is due.
                "starting_deadline_seconds": args["period"],
                "successful_jobs_history_limit": _KEPT_SUCCESSES,
                "failed_jobs_history_limit": _KEPT_FAILURES,
                # Said although it is the default, so that a CronJob somebody suspended is drift.
                "suspend": False,
                "job_template": {
                    "metadata": {"labels": dict(pod.labels)},
                    "spec": {
                        "ttl_seconds_after_finished": _KEEP_JOBS_SECONDS,
                        **job_spec(
                            pod,
                            arguments=["--reason", "schedule"],
                            targets=targets_name,
                            env=env,
                            deadline=args["run_deadline"],
                            retries=_RETRIES,
                        ),
                    },
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[hand_over]),
        )
        places = [f"{namespace}/{args['pull_secret_name']}" for namespace in args["namespaces"]]
        self.cron_job = cron_job.id.apply(lambda _: f"{args['system_namespace']}/{NAME}")
        self.first_run = first_run.id
        self.hand_over = hand_over.id
        self.pull_secrets = hand_over.id.apply(lambda _: places)
        self.register_outputs(
            {
                "cron_job": self.cron_job,
                "first_run": self.first_run,
                "hand_over": self.hand_over,
                "pull_secrets": self.pull_secrets,
            }
        )

    def _pod(self, code: str) -> Pod:
        args = self._args
        return Pod(
            image=args["image"],
            image_pull_policy=args["image_pull_policy"],
            service_account=NAME,
            package=PACKAGE,
            code=code,
            node_selector=args["node_selector"],
            tolerations=args["tolerations"],
            labels={**args["labels"], "app.kubernetes.io/component": CONTAINER},
            token_audience=args.get("token_audience", ""),
        )

    def _environment(self) -> pulumi.Output[list[EnvVarArgsDict]]:
        variables = {
            "AWS_REGION": self._args["region"],
            **login_environment(self._args),
            "EVERPULL_TARGETS": f"{TARGETS_FOLDER}/{TARGETS_FILE}",
        }
        return pulumi.Output.from_input(self._args["environment"]).apply(
            lambda identity: environment(variables, identity)
        )

    def _targets(self, owners: Sequence[Mapping[str, Any]], owner_everywhere: Mapping[str, Any] | None) -> str:
        """What the refresher is to write, and where (lambda_src/refresher reads it). Short, for a ConfigMap holds 1 MiB."""
        args = self._args
        selector = None
        if args["label_selector"]:
            selector = {
                "labelSelector": args["label_selector"],
                # Whoever may run pods in the system namespace could read its credentials, so nobody is to pull there.
                "excluded": sorted({*args["excluded_namespaces"], args["system_namespace"]}),
                "owner": owner_everywhere,
            }
        content: dict[str, object] = {
            "secretName": args["pull_secret_name"],
            "labels": dict(args["labels"]),
            "adopt": args["adopt"],
            "namespaces": [
                {"name": namespace, "owner": owner} for namespace, owner in zip(args["namespaces"], owners, strict=True)
            ],
            "selector": selector,
        }
        missing = args.get("missing_namespaces")
        if missing:
            content["missing"] = list(missing)
        return json.dumps(content, separators=(",", ":"))

    def _first_run(
        self,
        name: str,
        pod: Pod,
        targets: pulumi.Output[str],
        env: pulumi.Output[list[EnvVarArgsDict]],
        depends_on: Sequence[pulumi.Resource],
    ) -> Job:
        args = self._args

        def spec(targets: pulumi.Input[str], env: pulumi.Input[Sequence[EnvVarArgsDict]]) -> JobSpecArgsDict:
            return job_spec(
                pod,
                # Forced, because a run that finds fresh logins would prove only that they may be read.
                arguments=[
                    *("--force", "--await-rights", str(AWAIT_RIGHTS_SECONDS), "--reason", "deploy"),
                    *self._images_may_fail(),
                ],
                targets=targets,
                env=env,
                deadline=args["run_deadline"],
                retries=self._retries(),
            )

        revision = pulumi.Output.all(targets, env, args["revision"]).apply(
            lambda made_of: _short_hash(json.dumps([spec(made_of[0], made_of[1]), made_of[2]], sort_keys=True))
        )
        return self._job(
            f"{name}-first-run",
            revision.apply(lambda text: f"{FIRST_RUN_NAME}-{text}"),
            # Without a ttl: a Job that is gone would be run again by the next refresh.
            spec(targets, env),
            depends_on,
        )

    def _hand_over(
        self,
        name: str,
        pod: Pod,
        targets: pulumi.Output[str],
        env: pulumi.Output[list[EnvVarArgsDict]],
        first_run: Job,
    ) -> Job:
        """A second run, once nothing else writes the pull secrets any more.

        Until then another writer may have put its own login back over what the first run wrote.
        """
        alone = first_run.id.apply(lambda _: self._args["hand_over"]())
        return self._job(
            f"{name}-hand-over",
            HAND_OVER_NAME,
            job_spec(
                pod,
                arguments=["--reason", "hand-over", *self._images_may_fail()],
                targets=targets,
                env=env,
                deadline=self._args["run_deadline"],
                retries=self._retries(),
            ),
            [first_run],
            # Only a stack that comes from another mode has anything to hand over, so it is run once and never again.
            ignore_changes=["metadata.labels", "spec"],
            annotations={"everpull/alone": alone},
        )

    def _retries(self) -> int:
        """How often a run at deploy time is tried again."""
        return _FIRST_RUN_RETRIES_IN_NEW_PODS if self._args.get("in_new_pods") else _FIRST_RUN_RETRIES

    def _images_may_fail(self) -> list[str]:
        """An image that can't be pulled must not keep the login from all that can."""
        return ["--images-may-fail"] if self._args.get("verify_images") else []

    def _job(
        self,
        name: str,
        physical_name: pulumi.Input[str],
        spec: JobSpecArgsDict,
        depends_on: Sequence[pulumi.Resource],
        *,
        ignore_changes: Sequence[str] = (),
        annotations: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> Job:
        """A Job that is waited for, for longer than it may take."""
        # Else a Job that failed would be looked at, not run, by the next `up` (Pulumi Kubernetes provider docs, Annotations).
        marks = {**(annotations or {}), "pulumi.com/replaceUnready": "true"}
        return Job(
            name,
            metadata={**self._metadata(physical_name), "annotations": marks},
            spec=spec,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*depends_on],
                ignore_changes=[*ignore_changes],
                hooks=before_create(name, self._args.get("before_job"), place),
                custom_timeouts=pulumi.CustomTimeouts(create=f"{self._args['run_deadline'] + 60}s"),
            ),
        )

    def _content(self, name: str, physical_name: pulumi.Input[str], data: Mapping[str, pulumi.Input[str]]) -> ConfigMap:
        return ConfigMap(
            name,
            metadata=self._metadata(physical_name),
            data=data,
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _metadata(self, name: pulumi.Input[str]) -> ObjectMetaArgsDict:
        return {"name": name, "namespace": self._args["system_namespace"], "labels": dict(self._args["labels"])}


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
