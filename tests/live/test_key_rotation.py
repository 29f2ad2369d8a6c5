"""Another access key while pods pull: no hole, no key left behind, and what was cut off is ended by the next `up`."""

import base64
from collections.abc import Iterator

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Secret

from local.demo.chain import EXTERNAL_SECRET, SECRET_STORE
from local.driver import aws
from local.driver.stack import PulumiError
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.killing import running_until_killed
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob
from tests.live.deployment import Deployed, Deployment, deploy
from tests.live.generator_deployment import GeneratorDeployment, deploy_generator
from tests.live.pulling import pulling_all_the_while
from tests.live.test_side_by_side import GENERATOR
from tests.live.watch import watched

GENERATION = "everpull:accessKeyGeneration"
MODES = pytest.mark.parametrize("mode", ["by_lambda", "by_cronjob", "by_generator"])
# What is the engine's doing is the same in all.
ONE_MODE = pytest.mark.parametrize("mode", ["by_lambda"])
KNOWN_LATE_SECONDS = 20


@pytest.fixture(scope="module")
def by_lambda(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    with deploy(platform, kube, "keyl", ["keyl-a", "keyl-b"]) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def by_cronjob(platform: PlatformState, kube: Client) -> Iterator[CronJobDeployment]:
    with deploy_cronjob(platform, kube, "keyc", ["keyc-a", "keyc-b"]) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def by_generator(platform: PlatformState, kube: Client) -> Iterator[GeneratorDeployment]:
    with deploy_generator(platform, kube, "keyg", ["keyg-a", "keyg-b"]) as deployment:
        yield deployment


@pytest.fixture
def deployed(mode: str, request: pytest.FixtureRequest) -> Deployed:
    """The stack of the mode, with the key that an earlier test left it with."""
    return request.getfixturevalue(mode)


def user(deployed: Deployed) -> str:
    return deployed.outputs["identityArn"].rsplit("/", 1)[1]


def keys(deployed: Deployed) -> set[str]:
    """The user's keys in IAM."""
    listed = aws.client(deployed.state, "iam").list_access_keys(UserName=user(deployed))["AccessKeyMetadata"]
    return {item["AccessKeyId"] for item in listed}


def credentials(deployed: Deployed) -> str:
    """The Secret that whatever asks AWS from the cluster has its key from."""
    if isinstance(deployed, CronJobDeployment):
        (container,) = deployed.cron_job().spec.jobTemplate.spec.template.spec.containers
        (name,) = {item.valueFrom.secretKeyRef.name for item in container.env if item.valueFrom}
        return name
    namespace, hub = deployed.outputs["hub"].split("/")
    if isinstance(deployed, GeneratorDeployment):
        (name,) = deployed.logins.values()
        auth = deployed.kube.get(GENERATOR, name, namespace=namespace)["spec"]["auth"]["secretRef"]
        return auth["accessKeyIDSecretRef"]["name"]
    store = deployed.kube.get(EXTERNAL_SECRET, hub, namespace=namespace)["spec"]["secretStoreRef"]["name"]
    auth = deployed.kube.get(SECRET_STORE, store, namespace=namespace)["spec"]["provider"]["aws"]["auth"]["secretRef"]
    return auth["accessKeyIDSecretRef"]["name"]


def key_in_use(deployed: Deployed) -> str:
    found = deployed.kube.get(Secret, credentials(deployed), namespace=deployed.outputs["systemNamespace"])
    return base64.b64decode((found.data or {})["access-key-id"]).decode()


def all_credentials(deployed: Deployed) -> set[str]:
    listed = deployed.kube.list(Secret, namespace=deployed.outputs["systemNamespace"])
    return {item.metadata.name for item in listed if "aws-credentials" in item.metadata.name}


def ask_for_another(deployed: Deployed) -> int:
    """Raises the generation, for good; without an `up`. Gives the number."""
    number = int(str(deployed.config.get(GENERATION, 1))) + 1
    deployed.config[GENERATION] = number
    deployed.stack.configure(deployed.config)
    return number


def ask_aws(deployed: Deployed) -> None:
    """Has whatever asks AWS from the cluster do it now."""
    if isinstance(deployed, CronJobDeployment):
        assert deployed.run("--reason", "test").succeeded
    elif isinstance(deployed, GeneratorDeployment):
        for login in deployed.logins:
            deployed.renew(login)
        deployed.sync()
    else:
        assert isinstance(deployed, Deployment)
        deployed.sync()


def assert_moved(deployed: Deployed, before: str) -> None:
    """One key, another than before, is in IAM and in the cluster, works, and is all that is used."""
    deployed.outputs = deployed.stack.outputs()
    now = key_in_use(deployed)
    assert now != before
    assert keys(deployed) == {now}
    assert all_credentials(deployed) == {credentials(deployed)}
    ask_aws(deployed)
    calls = aws.admin(deployed.state, "calls")["by_caller"]
    assert before not in calls, "somebody asked AWS with a key that was deleted, which the emulator counts by its id"
    for namespace in deployed.namespaces:
        outcome = deployed.pull(namespace)
        assert outcome.pulled, outcome.message
    assert deployed.stack.up().changes == {}
    assert deployed.stack.refresh().changes == {}


@MODES
@pytest.mark.alone
def test_another_key_that_is_known_late_comes_and_the_one_before_goes_while_pods_pull(deployed: Deployed) -> None:
    state, name = deployed.state, deployed.outputs["pullSecretName"]
    before = key_in_use(deployed)
    ask_for_another(deployed)
    aws.admin(state, "config", {"iam_delay_seconds": KNOWN_LATE_SECONDS})
    first, second = deployed.namespaces
    with (
        pulling_all_the_while(deployed) as attempts,
        watched(state, first, name) as one,
        watched(state, second, name) as two,
    ):
        deployed.stack.up()
    aws.admin(state, "config", {"iam_delay_seconds": 0})
    for seen in (one, two):
        assert seen.faults == []
        assert len(seen.uids) == 1, "the pull secret was made anew"
        # In mode lambda the login is the function's, which has no key.
        assert (len(seen.contents) > 1) != isinstance(deployed, Deployment)
    assert attempts, "no pod pulled, so nothing was proven"
    assert [attempt.pull.message for attempt in attempts if not attempt.pull.pulled] == []
    assert_moved(deployed, before)


@ONE_MODE
def test_a_key_that_is_lowered_again_is_just_another_one(deployed: Deployed) -> None:
    before = key_in_use(deployed)
    number = ask_for_another(deployed)
    deployed.stack.up()
    assert_moved(deployed, before)
    between = key_in_use(deployed)
    deployed.config[GENERATION] = number - 1
    deployed.stack.configure(deployed.config)
    deployed.stack.up()
    assert_moved(deployed, between)


@ONE_MODE
def test_a_key_is_refused_while_there_are_two_and_names_both(deployed: Deployed) -> None:
    iam = aws.client(deployed.state, "iam")
    before = key_in_use(deployed)
    other = iam.create_access_key(UserName=user(deployed))["AccessKey"]["AccessKeyId"]
    try:
        assert deployed.stack.preview().changes == {}, "nothing that needs no other key is stopped"
        number = ask_for_another(deployed)
        for operate in (deployed.stack.preview, deployed.stack.up):
            with pytest.raises(PulumiError) as caught:
                operate()
            text = " ".join(str(caught.value).split())
            assert f"{GENERATION} = {number}" in text
            assert f"of user {user(deployed)}, which has {before} (Active, made today) and {other} (Active" in text
            assert "Traceback" not in text
        assert keys(deployed) == {before, other}
        assert key_in_use(deployed) == before
        assert deployed.pull().pulled
    finally:
        iam.delete_access_key(UserName=user(deployed), AccessKeyId=other)
    deployed.stack.up()
    assert_moved(deployed, before)


def killed_when(deployed: Deployed, there: str) -> None:
    """An `up` that is killed, with all that it started, once the object (`hub` or `job`) is there that it then waits for."""
    stack, namespace = deployed.stack, deployed.outputs["systemNamespace"]
    kind = EXTERNAL_SECRET if there == "hub" else Job

    def names() -> set[str]:
        return {item.metadata.name for item in deployed.kube.list(kind, namespace=namespace)}

    known = names()
    up = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    up += ["--stack", stack.name, "--config-file", str(stack.config_file)]
    with running_until_killed(up, stack._project, stack._environment) as runs:
        wait_until(lambda: names() - known, f"the new {there} is there", 120)
        assert runs(), "it ended before it could be killed"
    stack.init()


@pytest.mark.alone
@pytest.mark.parametrize(("mode", "there"), [("by_lambda", "hub"), ("by_cronjob", "job")])
def test_a_run_that_is_killed_before_the_new_key_is_proven_is_ended_by_the_next(deployed: Deployed, there: str) -> None:
    state, name = deployed.state, deployed.outputs["pullSecretName"]
    before = key_in_use(deployed)
    ask_for_another(deployed)
    # So that the new key is not proven for a while.
    aws.admin(state, "config", {"iam_delay_seconds": 40})
    with watched(state, deployed.namespaces[0], name) as seen:
        killed_when(deployed, there)
        assert len(keys(deployed)) == 2
        assert key_in_use(deployed) == before
        assert deployed.pull().pulled
        number = ask_for_another(deployed)
        with pytest.raises(PulumiError) as caught:
            deployed.stack.preview()
        assert f"which has {before} (Active, made today) and" in " ".join(str(caught.value).split())
        deployed.config[GENERATION] = number - 1
        deployed.stack.configure(deployed.config)
        deployed.stack.up()
    aws.admin(state, "config", {"iam_delay_seconds": 0})
    assert seen.faults == []
    assert_moved(deployed, before)


def test_up_waits_for_a_run_that_began_with_the_key_of_before(by_cronjob: CronJobDeployment) -> None:
    kube, namespace, name = by_cronjob.kube, by_cronjob.system_namespace, "began-before"
    template = by_cronjob.cron_job().spec.jobTemplate
    (container,) = template.spec.template.spec.containers
    container.command, container.args = ["python3", "-c", "import time; time.sleep(75)"], []
    kube.create(
        Job(metadata=ObjectMeta(name=name, namespace=namespace, labels=template.metadata.labels), spec=template.spec)
    )
    before = key_in_use(by_cronjob)
    ask_for_another(by_cronjob)
    try:
        output = by_cronjob.stack.up().output
        # Nothing was deleted while it ran.
        status = kube.get(Job, name, namespace=namespace).status
        assert [item.type for item in (status.conditions if status else None) or [] if item.type == "Complete"]
    finally:
        kube.delete(Job, name, namespace=namespace)
    assert f"waiting for {name} to end" in output
    assert_moved(by_cronjob, before)
