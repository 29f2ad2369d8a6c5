"""Another generation of the access key: what is made anew, in which order, and that the first one has the names of before."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.generations import of_generation
from tests.components import cron_job, test_lambda_delivery
from tests.components.recording import Recorder, Registered

NAME = cron_job.NAME
BUILT: dict[str, Callable[..., Recorder]] = {
    "lambda": lambda **more: test_lambda_delivery.built(namespace_selector={"matchLabels": {"team": "b"}}, **more),
    "cronjob": cron_job.built,
}
MODES = pytest.mark.parametrize("mode", BUILT)
# What is made anew, by its name in the engine, with its name in the cluster where it is there.
MADE_ANEW = {
    "lambda": {
        "cluster-key": None,
        "cluster-credentials": "aws-credentials",
        "sync-store": "login",
        "sync-hub": "login-bd86e98812",
        "sync-hub-reader-role": "login-bd86e98812",
        "sync-hub-reader-binding": "login-bd86e98812",
    },
    "cronjob": {"cluster-key": None, "cluster-credentials": "refresher-aws-credentials"},
}


def by_name(recorder: Recorder) -> dict[str, Registered]:
    return {item.name: item for item in recorder.resources}


def physical(item: Registered) -> str | None:
    return item.inputs["metadata"]["name"] if "metadata" in item.inputs else None


@given(st.text(min_size=1), st.integers(1, 10**9), st.integers(1, 10**9))
def test_each_generation_has_a_name_of_its_own_and_the_first_one_that_of_before(name: str, one: int, two: int) -> None:
    assert of_generation(name, 1) == name
    assert (of_generation(name, one) == of_generation(name, two)) == (one == two)


@MODES
def test_the_first_key_has_the_names_of_before_keys_had_numbers(mode: str) -> None:
    """Else every stack that is there would get another key with the next up."""
    unsaid, said = by_name(BUILT[mode]()), by_name(BUILT[mode](access_key_generation=1))
    assert unsaid.keys() == said.keys()
    for ending, name in MADE_ANEW[mode].items():
        assert physical(unsaid[f"{NAME}-{ending}"]) == physical(said[f"{NAME}-{ending}"]) == name


@MODES
@settings(max_examples=6)
@given(st.integers(2, 10**6))
def test_another_key_makes_anew_what_reads_with_it_and_nothing_else(mode: str, generation: int) -> None:
    before, after = by_name(BUILT[mode]()), by_name(BUILT[mode](access_key_generation=generation))
    old = {f"{NAME}-{ending}": name for ending, name in MADE_ANEW[mode].items()}
    assert before.keys() - after.keys() == old.keys()
    new = {name: physical(after[name]) for name in after.keys() - before.keys()}
    assert new == {f"{name}-{generation}": place and f"{place}-{generation}" for name, place in old.items()}
    # Whatever stays has its name in the cluster too, so that nothing is replaced. The first run is one for each key.
    renamed = {name for name in before.keys() & after.keys() if physical(before[name]) != physical(after[name])}
    assert renamed == ({f"{NAME}-refresh-first-run"} if mode == "cronjob" else set())


def dependencies(recorder: Recorder, name: str) -> set[str]:
    """What the engine deletes after that resource, by its name, parents aside."""
    return {recorder.requests[urn].name for urn in recorder.request(name).dependencies}


def test_the_namespaces_move_once_a_new_hub_has_read_with_the_new_key() -> None:
    recorder = BUILT["lambda"](access_key_generation=2)
    specs = {item.name: item.inputs["spec"] for item in recorder.all(":ExternalSecret")}
    hub = recorder.one(":ExternalSecret", "-hub-2").inputs["metadata"]
    assert specs[f"{NAME}-sync-hub-2"]["secretStoreRef"] == {"kind": "SecretStore", "name": "login-2"}
    assert hub["annotations"]["pulumi.com/waitFor"] == "condition=Ready"
    by_label = recorder.one(":ClusterExternalSecret").inputs["spec"]["externalSecretSpec"]
    for spec in (*(specs[f"{NAME}-sync-pull-secret-{team}"] for team in ("team-a", "team-b")), by_label):
        assert [entry["remoteRef"]["key"] for entry in spec["data"]] == [hub["name"]]
    auth = recorder.one(":SecretStore").inputs["spec"]["provider"]["aws"]["auth"]["secretRef"]
    assert {reference["name"] for reference in auth.values()} == {"aws-credentials-2"}
    anew = {f"{NAME}-{ending}-2" for ending in MADE_ANEW["lambda"]}
    assert anew <= recorder.waits_for(f"{NAME}-sync-pull-secret-team-a")
    assert anew <= recorder.waits_for(recorder.one(":ClusterExternalSecret").name)


def test_what_reads_with_a_key_is_deleted_before_its_secret_and_that_before_the_key() -> None:
    recorder = BUILT["lambda"]()
    chain = [f"{NAME}-{ending}" for ending in ("sync-hub", "sync-store", "cluster-credentials", "cluster-key")]
    for first, then in pairwise(chain):
        assert then in dependencies(recorder, first)


def test_the_cron_job_moves_once_a_first_run_has_fetched_with_the_new_key() -> None:
    recorder = BUILT["cronjob"](access_key_generation=2)
    for spec in (
        recorder.one(":Job", "-first-run").inputs["spec"],
        recorder.one(":CronJob").inputs["spec"]["jobTemplate"]["spec"],
    ):
        (container,) = spec["template"]["spec"]["containers"]
        names = {item["valueFrom"]["secretKeyRef"]["name"] for item in container["env"] if "valueFrom" in item}
        assert names == {"refresher-aws-credentials-2"}
    assert "--force" in recorder.one(":Job", "-first-run").inputs["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {f"{NAME}-cluster-key-2", f"{NAME}-cluster-credentials-2"} <= recorder.waits_for(cron_job.FIRST_RUN)
    assert cron_job.FIRST_RUN in recorder.waits_for(cron_job.CRON_JOB)


@MODES
def test_the_engine_asks_before_it_makes_a_key(mode: str) -> None:
    def unasked(_: str) -> None:
        raise AssertionError

    asking = BUILT[mode](before_key=unasked)
    assert list(asking.request(f"{NAME}-cluster-key").hooks.before_create) == [f"{NAME}-cluster-key-before"]
    assert not BUILT[mode]().request(f"{NAME}-cluster-key").hooks.before_create


@MODES
def test_no_key_is_in_what_the_engine_would_show(mode: str) -> None:
    recorder = BUILT[mode](access_key_generation=2)
    credentials = recorder.one("v1:Secret", "-credentials-2")
    assert credentials.secrets == {"stringData"}
    others = [item for item in recorder.resources if item is not credentials]
    assert not [item.name for item in others if "canary-secret-key" in repr(item.inputs)]
    assert "canary-secret-key" in repr(credentials.inputs)
