"""How good an agent is: matches with intervals, and agreement with a perfect player."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); a stage begins with what it counts, "games" or "positions"."""
