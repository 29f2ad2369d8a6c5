"""Virtual environments apart from the program's: what ministack pins, for one, the program must not be tied to."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def ensure(folder: Path, requirements: Path = REQUIREMENTS) -> Path:
    """Build or reuse the environment in `folder` and return its Python; by default it is the emulator's.

    The stamp is written last and names the requirements and the base interpreter, so a half-built or outdated
    environment is built again.

    Raises:
        subprocess.CalledProcessError: pip could not install the requirements; pip's own output says why.
    """
    python = folder / "bin" / "python"
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
    stamp.write_text(wanted)
    return python
