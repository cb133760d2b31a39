"""Make the peers' environment: `python -m benchmarks.setup_peers FOLDER` (from `tests/`)."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def main() -> None:
    """PyTorch first and by itself, in the version that goldens were written with; then the others."""
    if len(sys.argv) != 2:
        raise SystemExit("which folder? python -m benchmarks.setup_peers FOLDER")
    folder = Path(sys.argv[1])
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "torch==2.13.0"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-r", str(REQUIREMENTS)], check=True)
    print(f"python -m benchmarks.run --peer {python}")


if __name__ == "__main__":
    main()
