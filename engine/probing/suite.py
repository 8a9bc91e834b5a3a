"""Files of probes, those of the rooms and those of users, and the families that made them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from engine.errors import TesujiError, nearest
from engine.evaluate import Progress
from engine.files import atomic_write, read_file, write_errors
from engine.game import load_game, room, rooms
from engine.probing.family import Family
from engine.probing.oracles import find_oracle, verify
from engine.probing.probe import Probe, read_probe, to_line

__all__ = [
    "Loaded",
    "append_probe",
    "ask_oracles",
    "families",
    "load_probes",
    "room_probes",
    "same_game",
    "select",
    "shipped",
    "write_probes",
]

FILE = "probes.jsonl"
"""In a room."""


@dataclass(frozen=True)
class Loaded:
    """What was in some files."""

    probes: list[Probe]
    """Those that are sound, in order."""
    problems: list[str]
    """The others: FILE:LINE: FIELD: what is wrong."""
    places: dict[str, str]
    """The id of a sound one -> FILE:LINE."""


def shipped(games: Iterable[str] | None = None) -> Loaded:
    """The probes that come with Tesuji, of these rooms (short names; None: of all)."""
    wanted = rooms() if games is None else [name for name in rooms() if name in set(games)]
    files = [folder / FILE for folder in (room(name).folder for name in wanted) if folder and (folder / FILE).is_file()]
    return load_probes(files)


def load_probes(files: Sequence[Path]) -> Loaded:
    """Read files of probes, one JSON object a line. A bad line is told and left out; it stops nothing.

    Raises TesujiError for a file that cannot be read.
    """
    probes: list[Probe] = []
    problems = []
    seen: dict[str, str] = {}
    for file in files:
        try:
            lines = read_file(file).decode().split("\n")
        except OSError as error:
            raise TesujiError(f"cannot read {file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise TesujiError(f"{file}: not a text file") from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{file}:{number}"
            try:
                probe = read_line(line)
                if probe.id in seen:
                    raise TesujiError(f"id: {probe.id!r} stands in {seen[probe.id]}, too")
            except TesujiError as error:
                problems.append(f"{where}: {error}")
                continue
            seen[probe.id] = where
            probes.append(probe)
    return Loaded(probes, problems, seen)


def read_line(line: str) -> Probe:
    """The probe of a line, its oracle a known one. Raises TesujiError naming the field."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TesujiError(f"not valid JSON: {error}") from error
    probe = read_probe(content)
    if probe.oracle:
        find_oracle(probe.oracle, probe.game)
    return probe


@dataclass(frozen=True)
class Verification:
    """What the oracles say of some probes."""

    agreed: list[Probe]
    silent: dict[str, list[Probe]]
    """Why an oracle cannot say -> probes."""
    contradicted: dict[str, str]
    """The id of a probe -> FILE:LINE: expect: what the oracle says instead."""


def ask_oracles(loaded: Loaded, probes: Sequence[Probe], on_progress: Progress | None = None) -> Verification:
    """Ask the oracle of each of these probes of `loaded` again."""
    found = Verification([], {}, {})
    for number, probe in enumerate(probes, 1):
        try:
            said = verify(probe)
        except TesujiError as error:
            found.silent.setdefault(str(error), []).append(probe)
        else:
            if said is None:
                found.agreed.append(probe)
            else:
                where = loaded.places[probe.id]
                found.contradicted[probe.id] = f"{where}: expect: the oracle {probe.oracle} says otherwise: {said}"
        if on_progress is not None:
            on_progress("probes, oracles", number, len(probes))
    return found


def select(probes: Iterable[Probe], game: str | None = None, names: Collection[str] | None = None) -> list[Probe]:
    """Those of a game (a short name, or a full game string) and of these families."""
    wanted = None if game is None else same_game(game)
    return [
        probe for probe in probes if (wanted is None or wanted(probe.game)) and (names is None or probe.family in names)
    ]


def same_game(game: str) -> Callable[[str], bool]:
    """Whether a game string means the game given; a short name stands for all its variants."""
    if "(" not in game:
        return lambda other: other.split("(", 1)[0] == game
    full = cache(lambda name: str(load_game(name)))
    return lambda other: full(other) == full(game)


def write_probes(file: Path, probes: Iterable[Probe]) -> None:
    """Write a file of probes in place of what may stand there.

    Files that games are read from, and that are not those of a room, are copied into a folder `trees` beside it.
    """
    atomic_write(file, "".join(f"{to_line(with_its_file(probe, file))}\n" for probe in probes).encode())


def with_its_file(probe: Probe, file: Path) -> Probe:
    """The probe, its game read from the folder `trees` beside `file`, if it is read from a file outside its room."""
    named = re.search(r"[(,]filename=([^,)]+)", probe.game)
    folder = room(probe.short_name).folder
    if named is None or not (source := Path(named[1])).is_file():
        return probe
    if folder is not None and source.absolute().is_relative_to(folder.absolute()):
        return probe
    own = folder is not None and file.absolute().parent == folder.absolute()
    copy = file.parent / "trees" / source.name
    if awkward := set(",()=") & set(str(copy)):
        raise TesujiError(f"{file}: a game string names files there, which may have no '{min(awkward)}' in their path")
    if not copy.is_file():
        with write_errors(copy):
            copy.parent.mkdir(exist_ok=True)
        atomic_write(copy, source.read_bytes())
    place = f"trees/{source.name}" if own else str(copy)
    return replace(probe, game=probe.game.replace(named[1], place))


def append_probe(file: Path, probe: Probe) -> None:
    """Add a line to a file, which may not exist yet; what it holds stays."""
    with write_errors(file):
        before = read_file(file) if file.exists() else b""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    atomic_write(file, before + f"{to_line(probe)}\n".encode())


def room_probes(short_name: str, names: Collection[str] | None = None) -> list[Probe]:
    """What a room ships: the probes of its families, or of these alone."""
    every: Sequence[Family] = getattr(room(short_name).module("probes"), "FAMILIES", ())
    return [probe for family in every if names is None or family.name in names for probe in family.shipped()]


def families(names: Iterable[str] | None = None) -> list[Family]:
    """The families of all rooms, in the order of the rooms; of these names only, if given.

    Raises TesujiError for a name that no family has.
    """
    modules = [room(name).module("probes") for name in rooms()]
    every: list[Family] = [family for module in modules if module for family in getattr(module, "FAMILIES", ())]
    if names is None:
        return every
    known = {family.name for family in every}
    for name in names:
        if name not in known:
            raise TesujiError(f"family '{name}' is unknown{nearest(name, known)}; one of {', '.join(sorted(known))}")
    return [family for family in every if family.name in set(names)]
