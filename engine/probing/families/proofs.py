"""What generators ask the solver."""

from __future__ import annotations

import pyspiel

from engine.probing.oracles import Solver, Verdict

__all__ = ["proven"]


def proven(state: pyspiel.State, nodes: int) -> Verdict | None:
    """The solver's verdict if it proves *every* move within so many nodes, else None.

    With a move left out, `Verdict.best` might miss one that is as good.
    """
    verdict = Solver(nodes).judge(state)
    return verdict if verdict is not None and len(verdict.values) == len(state.legal_actions()) else None
