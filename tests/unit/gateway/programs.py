"""Directories of CGI programs for tests."""

from __future__ import annotations

from pathlib import Path


def program(directory: Path, name: str, script: str, *, mode: int = 0o755) -> Path:
    """A shell script in the directory; its first line is made here."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path
