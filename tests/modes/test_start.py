"""What the program does before it reads its settings: nothing that a run would wait for."""

import os
import subprocess
import sys

from tests.local_aws.platform import ROOT

# Without an engine it ends at its first question, which comes after what is looked at here.
STARTED = """
import gc
import runpy

from settings import ConfigurationError

try:
    runpy.run_path("__main__.py")
except ConfigurationError:
    print(gc.get_freeze_count())
"""


def test_what_was_imported_is_not_looked_through_for_garbage() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    told = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    # The SDKs alone are more than that.
    assert int(told.stdout) > 100_000
