"""`python -m bench.install`: installs the peers one by one, and says which did not install and why.

pip installs a requirements file whole or not at all; a peer without its C headers would take the others
with it. Always ends well: what is missing is said again by the run, which goes on without it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
INSTALL_TIMEOUT_S = 600


def requirements() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line]


def install(requirement: str) -> str | None:
    """None when it is installed, else the last thing pip said that looks like a reason."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"pip took more than {INSTALL_TIMEOUT_S} s"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
    return lines[0] if lines else f"pip ended with {done.returncode}"


def main() -> None:
    for requirement in requirements():
        reason = install(requirement)
        if reason:
            print(f"{requirement} did not install: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
