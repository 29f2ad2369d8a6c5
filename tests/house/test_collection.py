"""What pytest runs when nobody names a file, and what it makes of a test that does not run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

NOT_RUN = """
import pytest
@pytest.mark.skip
def test_marked(): pass
@pytest.mark.skipif(True, reason="always")
def test_never(): pass
def test_inside(): pytest.skip("not now")
@pytest.mark.xfail
def test_expected_to_fail(): assert False
@pytest.mark.parametrize("n", [])
def test_without_cases(n): pass
"""


def run_pytest(folder: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_test_file_is_collected() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    collected, again = (run_pytest(ROOT, "--collect-only", PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert collected.returncode == 0, collected.stdout
    lines = [line for line in collected.stdout.splitlines() if "::" in line]
    assert files <= {line.partition("::")[0] for line in lines}
    # Tests named by a set differ from one process to the next, and are not run beside one another.
    assert lines == [line for line in again.stdout.splitlines() if "::" in line]


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        (NOT_RUN, "2 failed, 3 errors"),
        ("import pytest\npytest.importorskip('no_such_module')\ndef test_a(): pass", "1 error"),
        ("", "no tests ran"),
    ],
    ids=["skipped tests", "a skipped file", "no tests"],
)
def test_what_does_not_run_fails_the_run(tmp_path: Path, source: str, counted: str) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(source)
    done = run_pytest(tmp_path)
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1].partition(" in ")[0] == counted
