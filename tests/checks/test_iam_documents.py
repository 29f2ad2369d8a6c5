import json
from pathlib import Path
from typing import Any

IAM = Path(__file__).parents[2] / "docs" / "iam"


def statements(name: str) -> list[dict[str, Any]]:
    return json.loads((IAM / name).read_text(encoding="utf-8"))["Statement"]


def test_mode_cronjob_needs_a_part_of_what_mode_lambda_does() -> None:
    """So that whoever may deploy the one may also change the mode."""
    everything = statements("deploy.json")
    for statement in statements("deploy-cronjob.json"):
        assert statement in everything
