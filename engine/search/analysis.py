"""Analysis: one position on all cores, as long as wanted; stopped, looked at and continued at any moment."""

from __future__ import annotations

import threading
import weakref

import pyspiel

from engine.config import SearchConfig
from engine.errors import TesujiError
from engine.game import require_searchable
from engine.native import core
from engine.search.search import SearchResult, search_params
from engine.search.seeds import state_seed

__all__ = ["Analysis"]


class Analysis:
    """A search of one state that keeps its tree: `run` it, or `start` it and `stop` it, as often as you like.

        analysis = Analysis(state, evaluator, workers=2)
        print(analysis.run(seconds=1.0).policy(0))
        analysis.start()                 # goes on in the background
        print(analysis.report().values)  # what is known by now
        result = analysis.stop()

    Several threads search one tree, kept apart by virtual loss; with more than one the result depends on timing. With
    one, and one leaf in flight, it is that of the seed, whether simulations are run at once or in parts.
    """

    def __init__(
        self,
        state: pyspiel.State,
        evaluator: core.Evaluator,
        config: SearchConfig | None = None,
        *,
        seed: int = 0,
        workers: int = 2,
    ) -> None:
        """Evaluate nothing yet. `evaluator` lends a session to each of `workers` threads as long as this object lives.

        `config.simulations` is not used. Raises TesujiError for games that search is not sound in, for states at which
        no player is to move, and for "gumbel", which needs to know the number of simulations beforehand.
        """
        require_searchable(state.get_game())
        params = search_params(config or SearchConfig(), 0, state.get_game())
        self._core = core.Analysis(state, evaluator, params, state_seed(seed, state), workers)
        self._background: _Background | None = None

    def run(self, simulations: int | None = None, seconds: float | None = None) -> SearchResult:
        """Search on for so many more simulations, so many seconds, or both (whichever is first), and report.

        A proven root ends it at once.
        """
        if simulations is None and seconds is None:
            raise TesujiError("run: give simulations, seconds or both; `start` searches until `stop`")
        self._core.begin(simulations=simulations, seconds=seconds)
        self._core.run()
        return self.report()

    def start(self, simulations: int | None = None, seconds: float | None = None) -> None:
        """The same in the background, and without a bound if none is given. `stop` or `wait` for it.

        It ends with this object, and with the program.
        """
        self._core.begin(simulations=simulations, seconds=seconds)
        self._background = _Background(self._core)
        weakref.finalize(self, self._background.end)

    def stop(self) -> SearchResult:
        """End the search in the background, within the time of one batch, and report."""
        self._core.stop()
        return self.wait()

    def wait(self) -> SearchResult:
        """Wait until the search in the background has used up its budget, and report. Raises what it raised."""
        if self._background is not None:
            self._background.join()
            failure, self._background = self._background.failure, None
            if failure is not None:
                raise failure
        return self.report()

    def report(self) -> SearchResult:
        """What is known by now, with the line of every action. Raises TesujiError before the first search."""
        return self._core.result()


class _Background(threading.Thread):
    """Runs what was begun. Knows the core alone, so that an `Analysis` nobody holds any more can go."""

    def __init__(self, analysis: core.Analysis) -> None:
        super().__init__(name="tesuji-analysis", daemon=True)
        self.analysis = analysis
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.analysis.run()
        except BaseException as error:  # handed to whoever waits
            self.failure = error

    def end(self) -> None:
        """Stop and return when it has."""
        self.analysis.stop()
        self.join()
