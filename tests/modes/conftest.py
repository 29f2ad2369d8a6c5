"""No test of the modes looks at a cluster."""

from pathlib import Path

import pytest

from cluster.hand_over import HandOver


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have a cluster of their own in their environment."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))


@pytest.fixture(autouse=True)
def nothing_to_hand_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def done(_: HandOver) -> str:
        return "done"

    monkeypatch.setattr(HandOver, "from_operator", done)
