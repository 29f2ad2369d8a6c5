import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from settings import ConfigurationError, Settings, parse, schema, values
from tests.settings.bad_configurations import GOOD

ROOT = Path(__file__).parents[2]


def faults(config: dict[str, str], **more: list[str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(config, "dev", **more)
    return str(caught.value)


def test_a_region_is_all_that_a_stack_must_say() -> None:
    settings = parse(GOOD, "dev")
    assert (settings.mode, settings.identity, settings.namespaces) == ("lambda", "access-key", ("default",))
    assert settings.registries == ()
    assert settings.repositories == ("*",)
    assert settings.delivery.reserved_concurrency == -1


def test_names_default_to_the_stack_so_that_two_stacks_share_a_cluster() -> None:
    one, two = parse(GOOD, "dev"), parse(GOOD, "prod")
    for name in ("owner", "pull_secret_name"):
        assert getattr(one, name) != getattr(two, name)
    assert one.delivery.system_namespace != two.delivery.system_namespace
    assert one.labels != two.labels


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True).filter(lambda name: any(c.isalnum() for c in name)))
def test_every_stack_name_the_engine_allows_gives_sound_kubernetes_names(stack: str) -> None:
    settings = parse(GOOD, stack)
    assert values.namespace(settings.delivery.system_namespace)
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
    assert parse(fits, "dev").delivery.schedule == "rate(4 hours)"
    assert "301 minutes" in faults({**fits, "everpull:fanOutInterval": "5m1s"})


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


def test_the_engine_knows_the_same_keys_types_and_defaults() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert list(declared) == [f"everpull:{key}" for key in schema.KEYS]
    for key, known in schema.KEYS.items():
        row = declared[f"everpull:{key}"]
        assert (row["type"], row.get("default")) == (known.type, known.default), key
        assert row["description"], key


@pytest.mark.parametrize("key", schema.KEYS)
def test_every_example_is_accepted(key: str) -> None:
    example = schema.KEYS[key].example
    parse({**GOOD, f"everpull:{key}": example if isinstance(example, str) else json.dumps(example)}, "dev")


@pytest.mark.parametrize("stack", ["local", "dev", "staging", "prod"])
def test_every_stack_file_is_accepted(stack: str) -> None:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    parse({key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}, stack)


@pytest.mark.parametrize("mode", schema.MODES)
def test_every_row_of_the_validity_table_is_accepted(mode: str) -> None:
    for identity in schema.MODES[mode].identities:
        assert parse({**GOOD, "everpull:mode": mode, "everpull:identity": identity}, "dev").identity == identity
    assert set(schema.MODES[mode].keys) <= set(schema.KEYS)
