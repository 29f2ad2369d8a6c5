"""Which partition a region is of, held against what AWS's own SDK knows."""

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.refresher.registries import parse_registry
from settings import parse
from settings.partitions import partition_of

PARTITIONS: list[dict[str, Any]] = json.loads(
    (files("botocore") / "data" / "partitions.json").read_text(encoding="utf-8")
)["partitions"]
BY_REGION = {
    region: partition["id"]
    for partition in PARTITIONS
    for region in partition["regions"]
    if not region.endswith("-global")
}


@pytest.mark.parametrize("region", BY_REGION)
def test_every_region_of_the_sdk_is_of_its_partition(region: str) -> None:
    assert partition_of(region) == BY_REGION[region]


@given(data=st.data(), partition=st.sampled_from(PARTITIONS))
def test_a_region_that_is_still_to_come_is_of_the_partition_that_the_sdk_would_take_it_for(
    data: st.DataObject, partition: dict[str, Any]
) -> None:
    region = data.draw(st.from_regex(partition["regionRegex"].replace(r"\w+", "[a-z]{4,9}"), fullmatch=True))
    assert partition_of(region.strip()) == partition["id"]


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda partition: partition["id"])
def test_a_stack_may_be_in_any_partition_with_registries_of_that_one(partition: dict[str, Any]) -> None:
    region = next(region for region in partition["regions"] if region in BY_REGION)
    registry = parse_registry(f"123456789012.dkr.ecr.{region}.{partition['outputs']['dnsSuffix']}")
    config = {
        "aws:region": region,
        "everpull:registries": json.dumps([registry.host]),
        "everpull:sharedRepositories": json.dumps([f"{registry.host}/team-a/app"]),
        "everpull:ownerRoles": json.dumps([f"arn:{partition['id']}:iam::123456789012:role/writer"]),
    }
    assert parse(config, "dev").registries == (registry,)
