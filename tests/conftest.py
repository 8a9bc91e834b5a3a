"""What every test shares: quiet, single-threaded and deterministic libraries, and the smallest useful objects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before torch or OpenMP are first loaded, here and in the processes that tests start: pytest-xdist already fills the
# processors, and thread barriers collapse when they compete.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pyspiel
import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

# The same examples in every run, and no failure because the machine is busy.
settings.register_profile("tesuji", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("tesuji")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def connect_four() -> pyspiel.Game:
    return pyspiel.load_game("connect_four")


@pytest.fixture(scope="session")
def tic_tac_toe() -> pyspiel.Game:
    return pyspiel.load_game("tic_tac_toe")


@pytest.fixture(autouse=True)
def torch_generator_unchanged() -> Iterator[None]:
    """Each test starts torch's global generator alike, whatever ran before it in this process."""
    torch.manual_seed(0)
    yield
