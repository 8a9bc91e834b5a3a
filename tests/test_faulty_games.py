"""A faulty game written in Python is refused in one line by every native entry: no crash, no hang (faulty_games.py)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import faulty_games
import pytest

# What an entry has no reason to ask of a game.
NOT_ASKED = {
    "puct": {"string"},
    "gumbel": {"string"},
    "full": {"string"},
    "rollouts": {"string", "tensor"},
    "analysis": {"string"},
    "solve": {"string", "tensor"},
    "solve_strings": {"tensor"},
    "playthrough": {"string"},
    "pool": {"string"},
    "match": {"string", "tensor"},
    "batch": {"string"},
    "encode": {"string", "returns", "chance_outcomes", "clone", "apply_action"},
}
# Methods that are asked, but not in every case of theirs.
SOMETIMES = {"clone", "apply_action", "tensor", "string", "chance_outcomes", "is_terminal"}


@pytest.mark.parametrize("entry", sorted(faulty_games.ENTRIES))
def test_a_faulty_game_is_refused_in_one_line(entry: str, repository: Path) -> None:
    program = [sys.executable, str(repository / "tests" / "faulty_games.py"), entry]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    ran = subprocess.run(program, capture_output=True, text=True, timeout=600, env=environment, check=False)
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert ran.returncode == 0, f"{lines[-1]}: {ran.stderr[-500:]}"
    told = {line["case"]: line for line in lines if "case" in line}
    caught: set[str] = set()
    for game, fault, after in faulty_games.cases(entry):
        case = f"{game}(fault={fault},after={after})"
        raised, text = told[case]["raised"], told[case]["text"]
        if fault == "none":
            assert not raised, f"{case}: {text}"
            continue
        method = fault.partition("/")[0]
        if not raised:
            assert method in NOT_ASKED.get(entry, set()) | SOMETIMES, f"{case} passed"
            continue
        assert raised == "TesujiError", f"{case}: {raised}: {text}"
        assert "\n" not in text, case
        # Without perfect recall it is the whole game that is refused.
        place = "forgets" if "forgets" in text else r"history \["
        assert re.search(rf"{game}\(.*\).*{place}", text), f"{case}: {text}"
        caught.add(method)
    assert caught >= faulty_games.FAULTS.keys() - NOT_ASKED.get(entry, set()), f"never refused: {caught}"
