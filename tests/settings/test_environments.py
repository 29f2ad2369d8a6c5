"""The stack files of dev, staging and prod differ only where they should."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
# Whatever must not get lost there, and is not worth its price elsewhere.
HARDER_TO_LOSE = {
    "everpull:alarms": True,
    "everpull:logRetentionDays": 365,
    "everpull:protect": True,
    "everpull:recoveryDays": 7,
}


def config_of(stack: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]


def test_staging_is_what_dev_is() -> None:
    """So that what works there has been tried here."""
    assert config_of("staging") == config_of("dev")


def test_prod_is_what_staging_is_but_for_what_is_harder_to_lose() -> None:
    staging, prod = config_of("staging"), config_of("prod")
    assert {key: prod[key] for key in HARDER_TO_LOSE} == HARDER_TO_LOSE
    assert {key: value for key, value in prod.items() if key not in HARDER_TO_LOSE} == staging


def test_no_environment_has_secrets_of_its_own_in_the_repository() -> None:
    for stack in ("dev", "staging", "prod"):
        text = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
        assert "encryptionsalt" not in text
        assert "secure:" not in text
