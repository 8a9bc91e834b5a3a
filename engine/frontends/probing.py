"""What an agent made of probes, for a terminal."""

from __future__ import annotations

from engine.frontends.tables import table
from engine.markup import printable
from engine.probing.results import Judged, Probing, Summary, budget_name, comparisons, summaries

__all__ = ["probing_text", "regression_text"]

LISTED = 10


def probing_text(found: Probing) -> str:
    """One line a family and kind of truth: the best constant answer, pass rates with 95 % intervals, budgets to
    solution, errors of values.
    """
    groups = summaries(found.judged)
    several = sum(level is not None for level in found.budgets) > 1
    head = ["family", "games", "truth", "probes", "best constant answer"]
    head += [f"passed, {budget_name(level)}" for level in found.budgets]
    rows = [[*head, *(["budget to solution"] if several else []), "value off by"]]
    rows += [summary_row(found, group, several) for group in groups]
    title = f"{found.agent}: {len(found.judged)} probes, {found.seconds:.1f} s"
    return "\n".join([printable(title), table(rows, left=(0, 1, 2, 4)), *map(printable, found.left_out)])


def summary_row(found: Probing, group: Summary, several: bool) -> list[str]:
    """A family's line."""
    probes = f"{group.probes}, {group.errors} errors" if group.errors else f"{group.probes}"
    constant = f"{group.best_constant.share:.0%}"
    constant += f", {group.best_constant.answer}" if len(group.games) == 1 else ", by game"
    row = [group.family, " ".join(group.games), group.truth, probes, constant]
    rates = {rate.budget: rate for rate in group.rates}
    for level in found.budgets:
        rate = rates.get(level)
        low, high = rate.interval if rate else (0.0, 0.0)
        row.append(f"{rate.share:.0%} [{low:.0%}, {high:.0%}]" if rate else "")
    if several:
        row.append(solution(found.judged, group))
    errors = {level: error for level, error, _ in group.value_error}
    row.append(f"{errors[group.rates[-1].budget]:.2f}" if group.rates[-1].budget in errors else "")
    return row


def solution(judged: tuple[Judged, ...], group: Summary) -> str:
    """The median budget to solution, and how many were never solved."""
    members = [each for each in judged if (each.probe.family, each.probe.truth) == (group.family, group.truth)]
    solved = sorted(each.solved_from for each in members if each.solved_from is not None)
    middle = (len(members) - 1) // 2
    return f"{solved[middle]:,}" if middle < len(solved) else f"more than half unsolved ({len(members) - len(solved)})"


def regression_text(found: Probing, other: Probing) -> str:
    """What the first agent passes and the second does not, and the reverse, for each kind of truth."""
    lines = []
    for truth, result in comparisons(found.judged, other.judged).items():
        lines.append(
            f"{found.agent} against {other.agent}, {truth}: {len(result.gained)} gained, {len(result.lost)} lost "
            f"(equal agents differ so unevenly with probability {result.chance:.3g})"
        )
        for word, names in (("gained", result.gained), ("lost", result.lost)):
            lines += [f"  {word}: {name}" for name in names[:LISTED]]
            if len(names) > LISTED:
                lines.append(f"  {word}: and {len(names) - LISTED} more (--json has all)")
    return "\n".join(map(printable, lines))
