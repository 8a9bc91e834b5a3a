"""How good an agent is: matches with intervals, agreement with a perfect player, exploitability."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); a stage begins with what it counts, such as "games" or "positions"."""
