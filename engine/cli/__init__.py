"""The command `tesuji`: one file per verb, each only reading its arguments, calling the engine and printing.

Exit codes: 0 done (also after Ctrl-C in `train` and `play`, which lose nothing), 1 `train` learnt nothing or `probe`
stayed under --fail-under, 2 the user's mistake (one line on standard error), 130 interrupted.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from engine import __version__
from engine.cli.refusals import instead
from engine.errors import TesujiError
from engine.frontends.output import complain, finish, open_streams

VERBS = (
    *("games", "pretrain", "train", "match", "evaluate", "exploitability"),
    *("probe", "probe add", "probe families", "probe generate", "probe verify"),
    *("play", "describe", "export", "benchmark"),
)
"""A verb of two words has the file FIRST_SECOND.py."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    open_streams()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        try:
            return run(words)
        finally:
            finish()
    except TesujiError as error:
        complain(f"{error}{instead(words, error)}")
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        return 0
    except MemoryError as error:
        complain(f"not enough memory{f': {error}' if str(error) else ''}")
        return 2
    except OSError as error:
        complain(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        return 2


def run(arguments: Sequence[str]) -> int:
    """Read the command line and call its verb."""
    options = make_parser().parse_args(joined(arguments))
    try:
        os.getcwd()
    except OSError as error:
        raise TesujiError(f"the working folder cannot be used: {error.strerror}; change to another one") from error
    import_module("engine.native")  # what is wrong with the installation is told first, whatever the verb
    _import_modules(options.imports, getattr(options, "network", None))
    code: int = options.run(options)
    return code


class Parser(argparse.ArgumentParser):
    """Reports a wrong command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage: `main` prints it."""
        raise TesujiError(f"{message}; see {self.prog} --help")


def make_parser() -> argparse.ArgumentParser:
    """The whole command line. A verb's module has SUMMARY, EXAMPLE, configure(parser) and run(options) -> exit code."""
    parser = Parser(
        prog="tesuji",
        description="Fine-tune pretrained game agents by self-play, and measure what it brought.",
        epilog="tesuji COMMAND --help says more.\n\nexample:\n  tesuji play connect_four/imitation:simulations=400",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tesuji {__version__}")
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a Python module first, such as one that registers a game of your own; repeatable",
    )
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in VERBS:
        verb = import_module(f"engine.cli.{name.replace(' ', '_')}")
        each = verbs.add_parser(
            name,
            help=verb.SUMMARY,
            description=verb.SUMMARY[0].upper() + verb.SUMMARY[1:] + ".",
            epilog=f"example:\n  {verb.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.configure(each)
        each.set_defaults(run=verb.run)
    return parser


def joined(arguments: Sequence[str]) -> list[str]:
    """The command line with a verb of two words as one argument."""
    for index, pair in enumerate(itertools.pairwise(arguments)):
        if " ".join(pair) in VERBS:
            return [*arguments[:index], " ".join(pair), *arguments[index + 2 :]]
    return list(arguments)


def _import_modules(names: Sequence[str], network: str | None) -> None:
    """Import the user's modules; they and a --network class may lie in the working folder, as for `python -m`."""
    if names or network:
        sys.path.append(os.getcwd())
    for name in names:
        try:
            import_module(name)
        except ImportError as error:
            raise TesujiError(
                f"--import {name}: {error}; modules are looked for in the working folder and in PYTHONPATH"
            ) from error
