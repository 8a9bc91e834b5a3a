"""The source distribution holds the whole repository, so that it is built and tested from its unpacked tree."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest


def test_the_source_distribution_holds_the_repository(repository: Path, tmp_path: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("git knows which files belong to the repository")
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True)
    files = {name for name in listed.stdout.splitlines() if not name.startswith(".ci/") and name != ".gitignore"}
    # Nothing is written into the repository: its metadata goes to another folder, as the archive does.
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", tmp_path, "sdist", "--dist-dir", tmp_path]
    subprocess.run(command, cwd=repository, capture_output=True, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    assert {name for name in files if (repository / name).exists()} <= held
    assert not [name for name in held if name.endswith((".so", ".pyc")) or name.startswith((".git/", "runs/", ".venv"))]
