"""A family: a program that makes probes of one failure, as many as asked, with a dial, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import TesujiError
from engine.probing.held_out import mark
from engine.probing.probe import Probe

__all__ = ["KINDS", "SHIPPED", "Family"]

KINDS = ("search", "learning", "chance", "hidden information", "chess")
"""What fails: the headings of the suite."""
SHIPPED = 48
"""Probes of a family that a room ships, over all its difficulties, where there are so many."""

Generate = Callable[[np.random.Generator, int], Iterator[Probe]]
"""(source of chance, difficulty) -> probes without `id`, as long as they are asked for or until there are no more; from
the same source the same ones."""


@dataclass(frozen=True)
class Family:
    """Probes of one failure in one game. Rooms list theirs in `probes.py` as FAMILIES; a name may recur in other rooms,
    where the same thing fails.
    """

    name: str
    """In lower case with underscores, such as "level_k_traps"."""
    kind: str
    """One of KINDS."""
    game: str
    """Full OpenSpiel game string of its probes (of the typical one, where they differ)."""
    fails: str
    """What goes wrong."""
    reason: str
    """Why it does."""
    described_by: str
    """Who described it: authors, year, title or place."""
    truth: str
    """How the truth is known."""
    dial: str
    """What a larger difficulty means."""
    difficulties: tuple[int, ...]
    """The steps of the dial."""
    generate: Generate

    def make(self, count: int, seed: int, difficulty: int) -> list[Probe]:
        """At most `count` different probes, about half of them held out. Raises TesujiError for a step off the dial."""
        if difficulty not in self.difficulties:
            steps = ", ".join(map(str, self.difficulties))
            raise TesujiError(f"family '{self.name}': difficulty {difficulty} is not on its dial: {steps}")
        short = self.game.split("(", 1)[0]
        found: dict[tuple[str, str, tuple[int, ...]], Probe] = {}
        source = self.generate(np.random.default_rng([seed, difficulty]), difficulty)
        while len(found) < count and (probe := next(source, None)) is not None:
            name = f"{self.name}/{short}/{difficulty}-{seed}-{len(found):03d}"
            key = probe.game, probe.fen, probe.history
            found.setdefault(key, mark(replace(probe, id=name, family=self.name, difficulty=difficulty)))
        return list(found.values())

    def shipped(self) -> list[Probe]:
        """What the room ships: seed 0, its number shared among the steps of the dial."""
        share = -(-SHIPPED // len(self.difficulties))
        return [probe for difficulty in self.difficulties for probe in self.make(share, 0, difficulty)]
