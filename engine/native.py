"""The door to the native core: `from engine.native import core`.

`engine._core` is compiled against one open_spiel wheel and finds that wheel's C++ symbols in pyspiel's shared library.
Python loads pyspiel privately, so it is re-opened here with global visibility before the core is imported; then the
core is checked to speak of the same objects as pyspiel does.  Importing torch before or after makes no difference.
"""

from __future__ import annotations

import ctypes
import importlib
import os
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING

from engine.errors import TesujiError

__all__ = ["NativeError", "core"]

SUPPORTED_OPEN_SPIEL = "2.0.2"
INSTALL_OPEN_SPIEL = f"pip install open_spiel=={SUPPORTED_OPEN_SPIEL}"
REBUILD = "pip install --force-reinstall --no-deps --no-cache-dir ."


class NativeError(TesujiError, ImportError):
    """The native core, or the open_spiel wheel it stands on, cannot be used as it is installed."""


def import_pyspiel() -> ModuleType:
    """Import pyspiel and make its C++ symbols visible to libraries loaded from now on."""
    try:
        pyspiel = importlib.import_module("pyspiel")
    except ModuleNotFoundError as error:
        raise NativeError(f"open_spiel is not installed; run: {INSTALL_OPEN_SPIEL}") from error
    except ImportError as error:
        raise NativeError(f"open_spiel does not load ({error}); run: {INSTALL_OPEN_SPIEL} --force-reinstall") from error
    path = pyspiel.__file__
    if path is None:
        raise NativeError(f"pyspiel has no shared library; run: {INSTALL_OPEN_SPIEL} --force-reinstall")
    ctypes.CDLL(path, mode=os.RTLD_GLOBAL | os.RTLD_NOW)
    return pyspiel


def import_core() -> ModuleType:
    """Import `engine._core`.  A NativeError says what to run if it is missing or does not fit open_spiel."""
    pyspiel = import_pyspiel()
    installed = metadata.version("open_spiel")
    try:
        module = importlib.import_module("engine._core")
    except ModuleNotFoundError as error:
        raise NativeError(f"engine._core is not built; in Tesuji's source folder run: {REBUILD}") from error
    except ImportError as error:
        raise NativeError(
            f"engine._core does not load with open_spiel {installed} ({error}); run: {REBUILD}"
        ) from error
    check(module, pyspiel, installed)
    return module


def check(module: ModuleType, pyspiel: ModuleType, installed: str) -> None:
    """Raise NativeError unless `module` was built for the `installed` open_spiel and takes `pyspiel`'s objects."""
    built = module.open_spiel_version
    if built != installed:
        raise NativeError(
            f"engine._core was built with open_spiel {built}, but {installed} is installed; "
            f"run: pip install open_spiel=={built} (or, in Tesuji's source folder: {REBUILD})"
        )
    try:
        module.default_encoder(pyspiel.load_game("tic_tac_toe"))
    except TypeError as error:
        raise NativeError(
            f"engine._core does not recognise pyspiel's games: its pybind11 internals ({module.pybind11_internals_id}) "
            f"are not those of the open_spiel wheel; in Tesuji's source folder run: {REBUILD}"
        ) from error


if TYPE_CHECKING:
    from engine import _core as core
else:
    core = import_core()
