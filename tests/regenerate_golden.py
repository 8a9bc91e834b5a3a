"""Write the golden trees under tests/data: python tests/regenerate_golden.py.  Only when the search is meant to change.

Prints a signature for each file, the number that a commit which changes the search quotes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from positions import played

from engine.native import core

DATA = Path(__file__).resolve().parent / "data"
PATH = DATA / "golden_trees.json"
ISMCTS_PATH = DATA / "golden_ismcts.json"


class Case(NamedTuple):
    game: str
    history: list[int]
    params: dict[str, Any]


def cases() -> list[Case]:
    noise = {"dirichlet_alpha": 0.3, "dirichlet_fraction": 0.25}
    return [
        Case("tic_tac_toe", [], {"simulations": 100}),
        Case("tic_tac_toe", [4, 0], {"simulations": 50, "fpu_reduction": 0.0}),
        Case("connect_four", [], {"simulations": 200}),
        Case("connect_four", [3, 3, 2], {"simulations": 200, **noise}),
        Case("connect_four", [3], {"simulations": 64, "leaves_in_flight": 8}),
        Case("breakthrough(rows=6,columns=6)", [], {"simulations": 150, "c_puct": 2.5, "max_cached_states": 20}),
        Case("tic_tac_toe", [4, 0], {"simulations": 50, "fpu_reduction": 0.0, "proofs": False}),
        Case("connect_four", [3, 3], {"simulations": 200, "root_policy_temperature": 1.25, "forced_playouts": 2.0}),
        Case("connect_four", [], {"simulations": 16, "selection": "gumbel"}),
        Case("connect_four", [3, 0], {"simulations": 64, "selection": "gumbel", "max_considered_actions": 4}),
        Case("pig", [0, 4], {"simulations": 120}),
        Case("pig", [0, 4], {"simulations": 120, "expected_chance": False, "proofs": False}),
        Case("backgammon", [4, 978, 4], {"simulations": 120, "chance_widening": 1.0}),
        Case("backgammon", [4, 978, 4], {"simulations": 32, "selection": "gumbel"}),
        Case("2048", [8, 20], {"simulations": 60, "value_range": "tree"}),
        Case("kuhn_poker", [1, 2], {"simulations": 80}),
        Case("goofspiel(num_cards=4,points_order=descending)", [], {"simulations": 300}),
        Case("breakthrough(rows=6,columns=6)", [], {"simulations": 800, "max_bytes": 60_000}),
    ]


def ismcts_cases() -> list[Case]:
    noise = {"dirichlet_alpha": 0.3, "dirichlet_fraction": 0.25}
    return [
        Case("tic_tac_toe", [4, 0], {"simulations": 50}),
        Case("kuhn_poker", [1, 2], {"simulations": 80}),
        Case("kuhn_poker(players=3)", [1, 2, 3, 1], {"simulations": 80}),
        Case("leduc_poker", [0, 3, 2, 1, 4, 1], {"simulations": 150, **noise}),
        Case("liars_dice", [2, 4, 3], {"simulations": 120, "fpu_reduction": 0.0}),
        Case("phantom_ttt", [4, 4, 0], {"simulations": 200}),
        Case("dark_hex(num_rows=3,num_cols=3)", [4, 4, 0, 1, 5, 2], {"simulations": 200, "c_puct": 2.5}),
    ]


def tree(case: Case) -> dict[str, Any]:
    """What is kept of the search of a case."""
    state = played(case.game, case.history)
    (result,) = core.search(
        [state], core.FakeEvaluator(state.get_game(), seed=7), core.SearchParams(**case.params), [11]
    )
    return kept(case, result)


def ismcts_tree(case: Case) -> dict[str, Any]:
    """What is kept of the search of a case's information set, the opponents playing by the evaluator."""
    state = played(case.game, case.history)
    evaluator = core.FakeEvaluator(state.get_game(), seed=7)
    belief = core.belief(state, evaluator, particles=20, max_nodes=500, seed=5)
    (result,) = core.ismcts([belief], evaluator, core.SearchParams(**case.params), [11])
    return kept(case, result) | {"method": belief.method, "survivors": belief.survivors}


def kept(case: Case, result: core.SearchResult) -> dict[str, Any]:
    return {
        "game": case.game,
        "history": case.history,
        "params": case.params,
        "actions": result.actions.tolist(),
        "visits": result.visits.tolist(),
        "proven": result.proven.tolist(),
        "target": [round(share, 9) for share in result.target.tolist()],
        "q": [round(q, 9) for q in result.q.tolist()],
        "values": [round(value, 9) for value in result.values.tolist()],
        "principal_variation": list(result.principal_variation),
        "nodes": result.nodes,
        "edges": result.edges,
        "max_depth": result.max_depth,
        "terminal_hits": result.terminal_hits,
    }


def main() -> None:
    for path, trees in ((PATH, map(tree, cases())), (ISMCTS_PATH, map(ismcts_tree, ismcts_cases()))):
        text = "[\n" + ",\n".join(map(json.dumps, trees)) + "\n]\n"
        path.write_text(text)
        print(f"{path.name}: search signature {hashlib.sha256(text.encode()).hexdigest()[:8]}")


if __name__ == "__main__":
    main()
