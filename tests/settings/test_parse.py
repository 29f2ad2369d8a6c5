import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from settings import (
    ConfigurationError,
    CronJobSettings,
    GeneratorSettings,
    LambdaSettings,
    Settings,
    parse,
    schema,
    values,
)
from settings.identity import Iam, Trust
from tests.settings.bad_configurations import CRONJOB, GENERATOR, GOOD, NODE_ROLE

ROOT = Path(__file__).parents[2]
# What a key makes no sense without.
NEEDED = {
    "awsStack": {"everpull:scope": "cluster"},
    "sharedWith": {"everpull:sharedRepositories": json.dumps(["222222222222.dkr.ecr.eu-central-1.amazonaws.com/a"])},
    "ownerRoles": {"everpull:sharedRepositories": json.dumps(["222222222222.dkr.ecr.eu-central-1.amazonaws.com/a"])},
    "excludedNamespaces": {"everpull:namespaceSelector": "team"},
    "serviceAccounts": {"everpull:attach": "service-accounts", "everpull:namespaces": json.dumps(["team-a"])},
    "prometheusRuleLabels": {"everpull:prometheusRules": "true"},
    **{key: {"everpull:alarms": "true"} for key in ("alarmTopic", "alarmEmail", "alarmHours")},
}
# What a mode makes no sense without.
BY_MODE = {mode: {"everpull:mode": mode} for mode in schema.MODES} | {"node-role": NODE_ROLE}
# What an identity makes no sense without, unless it is the key in question.
BY_IDENTITY = {identity: {"everpull:identity": identity} for identity in schema.IDENTITIES}
CLUSTER = {"everpull:eksCluster": "main"}
BY_IDENTITY["irsa"] |= CLUSTER
BY_IDENTITY["pod-identity"] |= CLUSTER
# Values other than the default, for keys whose example is the default.
OTHER = {
    "identity": "irsa",
    "syncInterval": "10m",
    "fanOutInterval": "10m",
    "renewInterval": "30m",
    "logRetentionDays": "7",
    "imagePullPolicy": "Always",
}


def needed(key: str, mode: str, identity: str | None = None) -> dict[str, str]:
    """A configuration in which the key makes sense, with the identity or else the first that knows it."""
    identity = identity or next(iter(schema.identities_with(key, mode)), None)
    chosen = BY_IDENTITY[identity] if identity else {}
    # Either of the two names the issuer.
    return {**NEEDED.get(key, {}), **(chosen if key != "oidcIssuer" else {"everpull:identity": identity or ""})}


def text_of(key: str, column: str) -> str:
    """A key's default or example as the engine hands it over."""
    value = getattr(schema.KEYS[key], column)
    return value if isinstance(value, str) else json.dumps(value)


def faults(config: dict[str, str], **more: list[str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(config, "dev", **more)
    return str(caught.value)


def test_a_region_is_all_that_a_stack_must_say() -> None:
    settings = parse(GOOD, "dev")
    assert (settings.mode, settings.identity, settings.namespaces) == ("lambda", "access-key", ("default",))
    assert settings.registries == ()
    assert settings.repositories == ("*",)
    assert isinstance(settings.delivery, LambdaSettings)
    assert settings.delivery.reserved_concurrency == -1
    assert not settings.adopt


def test_the_cronjob_needs_no_more_than_its_mode() -> None:
    settings = parse({**GOOD, **CRONJOB}, "dev")
    assert settings.delivery == CronJobSettings(
        schedule="39 * * * *",
        period=3600,
        run_deadline=600,
        image=schema.DEFAULT_IMAGE,
        image_pull_policy="IfNotPresent",
        node_selector=(),
        tolerations=(),
    )
    assert (settings.namespaces, settings.selector, settings.excluded_namespaces) == (("default",), None, ())


def test_the_cronjob_may_serve_by_label_alone() -> None:
    chosen = {**GOOD, **CRONJOB, "everpull:namespaces": "[]", "everpull:namespaceSelector": "team"}
    settings = parse(chosen, "dev")
    assert settings.namespaces == ()
    assert settings.selector
    assert settings.selector.text == "team"


def test_service_accounts_are_those_of_listed_namespaces_each_once() -> None:
    config = {**GOOD, "everpull:namespaces": json.dumps(["team-a", "team-b"])}
    assert (parse(config, "dev").attach, parse(config, "dev").service_accounts) == ("none", ())
    config["everpull:attach"] = "service-accounts"
    assert parse(config, "dev").service_accounts == ("team-a/default", "team-b/default")
    config["everpull:serviceAccounts"] = json.dumps(["team-b/builder", "default", "team-a/default"])
    assert parse(config, "dev").service_accounts == ("team-a/default", "team-b/default", "team-b/builder")


def test_a_stack_without_some_namespaces_is_without_their_service_accounts_and_otherwise_the_same() -> None:
    config = {
        **GOOD,
        "everpull:attach": "service-accounts",
        "everpull:namespaces": json.dumps(["team-a", "team-b", "team-c"]),
        "everpull:serviceAccounts": json.dumps(["default", "team-b/builder", "team-a/builder"]),
    }
    whole = parse(config, "dev")
    assert whole.without([]) == whole
    part = whole.without(["team-b", "team-x"])
    assert part.namespaces == ("team-a", "team-c")
    assert part.service_accounts == ("team-a/default", "team-c/default", "team-a/builder")
    assert (part.owner, part.labels, part.role) == (whole.owner, whole.labels, whole.role)
    assert whole.without(["team-a", "team-b", "team-c"]).service_accounts == ()


def test_another_pull_secret_is_another_role() -> None:
    """Else the Secret that the Role owned before would stay for ever."""
    default, other = parse(GOOD, "dev"), parse({**GOOD, "everpull:pullSecretName": "ecr-pull"}, "dev")
    assert (default.role, other.role) == ("everpull-dev", "everpull-dev:ecr-pull")


def test_names_default_to_the_stack_so_that_two_stacks_share_a_cluster() -> None:
    one, two = parse(GOOD, "dev"), parse(GOOD, "prod")
    for name in ("owner", "pull_secret_name", "labelled_sync", "system_namespace", "role"):
        assert getattr(one, name) != getattr(two, name)
    assert one.labels != two.labels


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True).filter(lambda name: any(c.isalnum() for c in name)))
def test_every_stack_name_the_engine_allows_gives_sound_kubernetes_names(stack: str) -> None:
    settings = parse(GOOD, stack)
    assert values.namespace(settings.system_namespace)
    assert values.secret_name(settings.pull_secret_name)
    assert all(
        re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value) for value in settings.labels.values()
    )


def test_the_cluster_is_reached_as_the_kubernetes_provider_is_told() -> None:
    cluster = parse({**GOOD, "kubernetes:context": "kind-a", "kubernetes:kubeconfig": "/tmp/a"}, "dev").cluster  # noqa: S108
    assert (cluster.context, cluster.kubeconfig) == ("kind-a", "/tmp/a")  # noqa: S108


def test_settings_cannot_be_changed() -> None:
    settings = parse(GOOD, "dev")
    with pytest.raises(FrozenInstanceError):
        settings.mode = "other"  # type: ignore[misc]


def test_the_value_of_a_secret_key_is_not_shown() -> None:
    key = "everpull:pullSecretName"
    text = faults({**GOOD, key: "canary/value"}, secret_keys=[key])
    assert "[secret]" in text


def test_a_slower_schedule_is_fine_as_long_as_everything_fits() -> None:
    fits = {
        **GOOD,
        "everpull:schedule": "rate(4 hours)",
        "everpull:syncInterval": "55m",
        "everpull:fanOutInterval": "5m",
    }
    parse(fits, "dev")
    assert "301 minutes" in faults({**fits, "everpull:fanOutInterval": "5m1s"})


def test_the_generator_needs_no_more_than_its_mode() -> None:
    settings = parse({**GOOD, **GENERATOR}, "dev")
    assert settings.delivery == GeneratorSettings(renew_interval=3600, fan_out_interval=300, rules=None)
    assert [parse({**GOOD, **BY_MODE[mode]}, "dev").by_operator for mode in schema.MODES] == [True, False, True, False]


@given(renew=st.integers(10, 14 * 3600), fan_out=st.integers(10, 7 * 3600))
def test_no_accepted_combination_lets_a_login_of_the_generator_die_in_a_pod(renew: int, fan_out: int) -> None:
    config = {**GOOD, **GENERATOR, "everpull:renewInterval": f"{renew}s", "everpull:fanOutInterval": f"{fan_out}s"}
    # The hub reads just before the new login is there, and the namespace just before the hub has it.
    left_when_delivered = 12 * 3600 - renew - 2 * fan_out
    if renew > 6 * 3600:
        assert "everpull:renewInterval" in faults(config)
    elif 2 * fan_out <= 5 * 3600:
        assert isinstance(parse(config, "dev"), Settings)
        assert left_when_delivered >= 3600
    else:
        assert "are safe" in faults(config)


@given(st.integers(1, 24 * 60))
def test_no_accepted_rate_lets_a_login_die_between_two_runs_of_the_cronjob(minutes: int) -> None:
    config = {
        **GOOD,
        **CRONJOB,
        "everpull:schedule": f"rate({minutes} minute{'s' if minutes > 1 else ''})",
    }
    left_after_a_late_run = 6 * 60 - minutes - schema.RUN_DEADLINE_MINUTES
    if left_after_a_late_run < 60:
        assert "are safe" in faults(config) or "no cron expression" in faults(config)
    elif 60 % minutes == 0 or minutes in (120, 180, 240):
        assert isinstance(parse(config, "dev"), Settings)
    else:
        assert "no cron expression" in faults(config)


@given(hours=st.integers(1, 12), sync=st.integers(10, 6 * 3600), fan_out=st.integers(10, 6 * 3600))
def test_no_accepted_combination_lets_a_login_die_in_a_pod(hours: int, sync: int, fan_out: int) -> None:
    config = {
        **GOOD,
        "everpull:schedule": f"rate({hours} hour{'s' if hours > 1 else ''})",
        "everpull:syncInterval": f"{sync}s",
        "everpull:fanOutInterval": f"{fan_out}s",
    }
    # The worst tick comes just before the threshold and skips; the next one renews, then both syncs run late.
    left_when_delivered = 6 * 3600 - hours * 3600 - sync - fan_out
    if left_when_delivered >= 3600:
        assert isinstance(parse(config, "dev"), Settings)
    elif left_when_delivered < 3600 - 60:
        assert "are safe" in faults(config)


def test_what_runs_the_refresher_says_how_often_it_does() -> None:
    found = {}
    for trigger in schema.TRIGGERS:
        delivery = parse({**GOOD, "everpull:trigger": trigger, "everpull:schedule": ""}, "dev").delivery
        assert isinstance(delivery, LambdaSettings)
        found[delivery.trigger] = delivery.schedule
    assert found == {"schedule": "rate(1 hour)", "rotation": "rate(4 hours)"}


@given(hours=st.integers(4, 13), sync=st.integers(10, 8 * 3600), fan_out=st.integers(10, 8 * 3600))
def test_no_accepted_rotation_lets_a_login_die_in_a_pod(hours: int, sync: int, fan_out: int) -> None:
    config = {
        **GOOD,
        "everpull:trigger": "rotation",
        "everpull:schedule": f"rate({hours} hours)",
        "everpull:syncInterval": f"{sync}s",
        "everpull:fanOutInterval": f"{fan_out}s",
    }
    # One rotation at the beginning of its window, the next at the end of its own, then both syncs run late.
    left_when_delivered = 12 * 3600 - (hours + 1) * 3600 - sync - fan_out
    if left_when_delivered >= 3600:
        assert isinstance(parse(config, "dev"), Settings)
    elif left_when_delivered < 3600 - 60:
        assert "are safe" in faults(config)


def test_the_engine_knows_the_same_keys_types_and_defaults() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert list(declared) == [f"everpull:{key}" for key in schema.KEYS]
    for key, known in schema.KEYS.items():
        row = declared[f"everpull:{key}"]
        assert (row["type"], row.get("default")) == (known.type, known.default), key
        assert row["description"], key


@pytest.mark.parametrize("key", schema.KEYS)
def test_every_example_is_accepted(key: str) -> None:
    for mode in schema.modes_with(key):
        parse({**GOOD, **BY_MODE[mode], **needed(key, mode), f"everpull:{key}": text_of(key, "example")}, "dev")


@pytest.mark.parametrize("mode", schema.MODES)
def test_a_mode_takes_its_keys_and_refuses_all_others(mode: str) -> None:
    assert set(schema.MODES[mode].keys) <= set(schema.KEYS)
    for key in set(schema.KEYS) - {"mode"}:
        config = {**GOOD, **BY_MODE[mode], f"everpull:{key}": OTHER.get(key) or text_of(key, "example")}
        modes = schema.modes_with(key)
        if mode in modes:
            parse({**needed(key, mode, OTHER[key] if key == "identity" else None), **config}, "dev")
        else:
            told = faults(config)
            assert "1 fault" in told
            assert f"everpull:{key} = " in told
            assert f"only with everpull:mode {' or '.join(modes)}" in told


@pytest.mark.parametrize("mode", schema.MODES)
def test_the_engine_may_hand_over_the_defaults_of_every_mode(mode: str) -> None:
    """It does, for every key of Pulumi.yaml that the stack does not set; how it spaces lists is not ours to know."""
    defaults = {f"everpull:{key}": text_of(key, "default").replace("]", " ]") for key in schema.KEYS}
    assert parse({**GOOD, **defaults, **BY_MODE[mode]}, "dev") == parse({**GOOD, **BY_MODE[mode]}, "dev")


@pytest.mark.parametrize("stack", ["local", "dev", "staging", "prod"])
def test_every_stack_file_is_accepted(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    parse({key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}, stack)


@pytest.mark.parametrize("mode", schema.MODES)
def test_every_row_of_the_validity_table_is_accepted(mode: str) -> None:
    for identity in schema.MODES[mode].identities:
        assert parse({**GOOD, "everpull:mode": mode, **BY_IDENTITY[identity]}, "dev").identity == identity


@pytest.mark.parametrize("mode", schema.MODES)
def test_a_mode_says_of_every_identity_that_it_works_or_why_not(mode: str) -> None:
    row = schema.MODES[mode]
    if row.identities:
        assert {*row.identities, *row.unfit} == set(schema.IDENTITIES)
        assert not set(row.identities) & row.unfit.keys()


@pytest.mark.parametrize(("mode", "identity"), [(m, i) for m, row in schema.MODES.items() for i in row.identities])
def test_an_identity_takes_its_keys_and_refuses_those_of_others(mode: str, identity: str) -> None:
    for key in (key for row in schema.IDENTITIES.values() for key in row.keys):
        config = {**GOOD, "everpull:mode": mode, f"everpull:{key}": OTHER.get(key) or text_of(key, "example")}
        identities = schema.identities_with(key, mode)
        if identity in identities:
            parse({**needed(key, mode, identity), **config}, "dev")
        elif identities:
            told = faults({**BY_IDENTITY[identity], **config, **needed("", mode, identity)})
            assert f"means nothing with identity {identity}" in told
            assert f"only with everpull:identity {' or '.join(identities)}" in told


def test_an_issuer_is_named_as_the_clusters_tokens_name_it() -> None:
    for url in ("https://a", "https://oidc.eks.eu-central-1.amazonaws.com/id/0123ABCD", "https://a.b-c/d_e.f/~g/"):
        chosen = {"everpull:identity": "irsa", "everpull:oidcIssuer": url}
        settings = parse({**GOOD, **chosen, "aws:assumeRoles": "[{}]"}, "dev")
        assert settings.trust == Trust(cluster="", issuer=url, create_provider=False)


@pytest.mark.parametrize("host", ["kubernetes.default.svc", "a.svc.cluster.local", "cluster.local", "localhost", "svc"])
def test_an_issuer_that_only_the_cluster_itself_can_ask_is_refused(host: str) -> None:
    told = faults({**GOOD, "everpull:identity": "irsa", "everpull:oidcIssuer": f"https://{host}/a"})
    assert f"names {host}, which is known within the cluster only" in told


def test_paths_and_boundaries_are_those_of_iam() -> None:
    assert parse(GOOD, "dev").iam == Iam(path="/", boundary="")
    for path, boundary in (("/a/", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"), ("/a/b-c.d@e/", "")):
        told = {"everpull:iamPath": path, "everpull:permissionsBoundary": boundary}
        assert parse({**GOOD, **told}, "dev").iam == Iam(path, boundary)


def test_node_roles_go_with_every_mode() -> None:
    for mode in schema.MODES:
        config = {**GOOD, **NODE_ROLE, "everpull:mode": mode, "everpull:nodeClusters": json.dumps(["main"])}
        settings = parse({**config, "aws:profile": "deploys"}, "dev")
        assert (settings.node_roles, settings.node_clusters) == (("nodes",), ("main",))
        assert settings.aws_profile == "deploys"


def test_what_the_engine_hands_over_empty_is_told_as_not_set() -> None:
    assert "everpull:eksCluster is not set" in faults({**GOOD, "everpull:identity": "irsa", "everpull:eksCluster": ""})
