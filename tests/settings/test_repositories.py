"""Names in ECR, held against the patterns in AWS's own model of its API."""

import json
import re
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from settings import ConfigurationError, parse
from settings.values import REPOSITORY
from tests.settings.bad_configurations import GOOD

SHAPES: dict[str, Any] = Loader().load_service_model("ecr", "service-2")["shapes"]
NAMES = st.text(st.sampled_from("ab0._-/"), min_size=2, max_size=12)


@given(NAMES)
def test_a_repository_is_named_as_ecr_would_have_it(name: str) -> None:
    assert bool(REPOSITORY.fullmatch(name)) == bool(re.fullmatch(SHAPES["RepositoryName"]["pattern"], name))


@pytest.mark.parametrize("name", ["team--a/app", "team__a/app", "a.b/c-d_e", "team-a/*", "team--*", "*"])
def test_a_repository_may_have_separators_of_several_characters_and_a_star_at_its_end(name: str) -> None:
    assert parse({**GOOD, "everpull:repositories": json.dumps([name])}, "dev").repositories == (name,)


@given(st.one_of(NAMES, st.sampled_from(["ROOT", "ROOT/", "a", "ab", "a" * 30, "a" * 31])))
def test_a_cache_has_a_prefix_as_ecr_would_have_it(prefix: str) -> None:
    shape = SHAPES["PullThroughCacheRuleRepositoryPrefix"]
    fits = shape["min"] <= len(prefix) <= shape["max"] and re.fullmatch(shape["pattern"], prefix)
    config = {**GOOD, "everpull:pullThroughCaches": json.dumps([prefix])}
    if fits:
        assert parse(config, "dev").reach.caches == (prefix.rstrip("/"),)
    else:
        with pytest.raises(ConfigurationError, match="cannot be the prefix of a pull-through cache"):
            parse(config, "dev")


def test_a_prefix_is_one_cache_with_and_without_its_slash() -> None:
    config = {**GOOD, "everpull:pullThroughCaches": json.dumps(["quay/", "quay", "docker-hub"])}
    assert parse(config, "dev").reach.caches == ("quay", "docker-hub")
