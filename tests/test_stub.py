"""engine/_core.pyi describes the extension that is installed: the same names, parameters and defaults' places."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pyspiel
import pytest

from engine.native import core

TYPES_ONLY = {"TypedDict", "Protocol", "TypeAlias"}
"""What a stub may define for its own annotations."""


def public(name: str) -> bool:
    return not name.startswith("_")


def named(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def declared(nodes: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Functions, classes and variables of a stub's scope."""
    found: dict[str, ast.stmt] = {}
    for node in nodes:
        if isinstance(node, ast.ClassDef) and TYPES_ONLY.isdisjoint(map(named, node.bases)):
            found[node.name] = node
        elif isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, node)  # a property's setter follows its getter
        elif isinstance(node, ast.AnnAssign) and named(node.annotation) not in TYPES_ONLY:
            found[ast.unparse(node.target)] = node
    return found


@pytest.fixture(scope="module")
def stub(repository: Path) -> dict[str, ast.stmt]:
    return declared(ast.parse((repository / "engine" / "_core.pyi").read_text()).body)


def parameters(function: ast.FunctionDef) -> list[tuple[str, bool, bool]]:
    """Name, keyword only, has a default; without self."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    optional = len(positional) - len(given.defaults)
    names = [(each.arg, False, index >= optional) for index, each in enumerate(positional)]
    keywords = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    names += [(each.arg, True, default is not None) for each, default in keywords]
    return [name for name in names if name[0] != "self"]


def signature(function: object) -> ast.FunctionDef:
    """What pybind11 wrote into the docstring's first line, parsed."""
    line = str(inspect.getdoc(function)).split("\n", 1)[0]
    node = ast.parse(f"def {line}: ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


def functions(stub: dict[str, ast.stmt]) -> Iterator[tuple[str, ast.FunctionDef, object]]:
    """Every function and method of the stub beside the extension's own."""
    for name, node in stub.items():
        if isinstance(node, ast.FunctionDef):
            yield name, node, getattr(core, name)
        elif isinstance(node, ast.ClassDef):
            for method, inner in declared(node.body).items():
                if isinstance(inner, ast.FunctionDef) and not inner.decorator_list:
                    yield f"{name}.{method}", inner, getattr(getattr(core, name), method)


def test_names(stub: dict[str, ast.stmt]) -> None:
    assert sorted(filter(public, stub)) == sorted(filter(public, vars(core)))


def test_members_of_classes(stub: dict[str, ast.stmt]) -> None:
    for name, node in stub.items():
        if isinstance(node, ast.ClassDef):
            assert sorted(filter(public, declared(node.body))) == sorted(filter(public, vars(getattr(core, name)))), (
                name
            )


def test_parameters(stub: dict[str, ast.stmt]) -> None:
    compared = 0
    for name, node, actual in functions(stub):
        assert parameters(node) == parameters(signature(actual)), name
        compared += 1
    assert compared > 10


def test_what_a_pool_returns(repository: Path, tic_tac_toe: pyspiel.Game) -> None:
    """The arrays of its records, and the counts that `statistics` explains."""
    player = core.PlayerParams(0, core.SearchParams(simulations=2))
    pool = core.Pool(tic_tac_toe, [core.FakeEvaluator(tic_tac_toe)], [player], core.SelfPlayParams(), 1, 1, 0)
    records = pool.run(games=1)
    classes = {
        node.name: node
        for node in ast.parse((repository / "engine" / "_core.pyi").read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    fields = [ast.unparse(each.target) for each in classes["Records"].body if isinstance(each, ast.AnnAssign)]
    assert fields == list(records)
    statistics = declared(classes["Pool"].body)["statistics"]
    assert isinstance(statistics, ast.FunctionDef)
    explained = re.findall(r"^(\w+(?:, \w+)*)  ", str(ast.get_docstring(statistics)), re.MULTILINE)
    assert sorted(", ".join(explained).split(", ")) == sorted(pool.statistics())
