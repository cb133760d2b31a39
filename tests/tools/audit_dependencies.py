"""Known vulnerabilities of installed packages: `python tests/tools/audit_dependencies.py PYTHON`

Lists what an interpreter has installed, but for this checkout's own distributions, and asks pip-audit (which has to be
installed beside this one) about them. Exits with 1 where one has a known vulnerability. What could not be asked about,
as where the advisories cannot be reached, is said and fails nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 300


def main() -> int:
    """Ask about the packages of the interpreter that is named."""
    listing = subprocess.run(
        [sys.argv[1], "-c", "import importlib.metadata as m\nfor d in m.distributions(): print(d.name, d.version)"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    pairs = sorted({tuple(line.split()) for line in listing.splitlines() if not line.startswith("minigrad")})
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("".join(f"{name}=={version}\n" for name, version in pairs))
        command = ["pip-audit", "-r", str(requirements), "--no-deps", "--disable-pip", "--timeout", "10", "-f", "json"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"LEFT OUT: pip-audit gave no answer ({type(error).__name__})")
            return 0
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"LEFT OUT: pip-audit cannot reach the advisories ({(done.stderr.strip().splitlines() or ['-'])[-1]})")
        return 0
    unknown = [p["name"] for p in packages if "skip_reason" in p]
    wrong = [(p["name"], p["version"], v["id"]) for p in packages for v in p.get("vulns", ())]
    print(f"{len(packages) - len(unknown)} packages looked up, {len(wrong)} known vulnerabilities")
    if unknown:
        print(f"LEFT OUT: {len(unknown)} packages that the advisories do not know or that could not be asked about")
    for name, version, identifier in wrong:
        print(f"{name} {version}: {identifier}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
