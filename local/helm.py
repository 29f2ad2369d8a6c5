"""Helm with homes of its own, and the External Secrets Operator's chart in the form that Helm takes."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from local.apt import SYSTEM_PATH
from local.paths import Paths


class HelmError(Exception):
    """Helm failed; the text is its own."""


def homes(folder: Path) -> dict[str, str]:
    """Variables that have Helm keep everything in `folder` and nothing in the person's home."""
    return {f"HELM_{name.upper()}_HOME": str(folder / name) for name in ("cache", "config", "data")}


def write_chart(folders: Paths, target: Path) -> None:
    """Write the operator's chart, but for dependencies that its values disable, into a new folder `target`.

    Helm wants every dependency beside the chart, also those that are not installed, and the module holds none.
    """
    shutil.copytree(folders.share / "external-secrets" / "chart", target)
    values = yaml.safe_load((target / "values.yaml").read_text())
    about = yaml.safe_load((target / "Chart.yaml").read_text())
    # One that is enabled stays, for Helm to refuse the chart.
    about["dependencies"] = [part for part in about.get("dependencies", []) if _enabled(part, values)]
    (target / "Chart.yaml").write_text(yaml.safe_dump(about))


def _enabled(dependency: dict[str, Any], values: dict[str, Any]) -> bool:
    name, _, key = dependency.get("condition", "").partition(".")
    return bool(values.get(name, {}).get(key, True))


def rendered(folders: Paths, release: str, namespace: str, template: str) -> list[dict[str, Any]]:
    """The objects of one file among the chart's templates, by its default values. Raises HelmError."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "chart"
        write_chart(folders, chart)
        command = ["template", release, str(chart), f"--namespace={namespace}", f"--show-only=templates/{template}"]
        text = run(folders, command, homes(Path(folder)))
    return [document for document in yaml.safe_load_all(text) if document]


def run(folders: Paths, arguments: list[str], environment: dict[str, str]) -> str:
    """What the platform's Helm prints, in no more than this environment. Raises HelmError."""
    answer = subprocess.run(
        [folders.bin / "helm", *arguments],
        env={"PATH": SYSTEM_PATH, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise HelmError(f"helm {arguments[0]}: {answer.stderr.strip()}")
    return answer.stdout
