"""Prints, as make variables for sanitize.mk, how the core is compiled and linked into a program of its own.

pyspiel.so takes Python's symbols from the program that loads it, so libpython is linked as well, although no test
starts an interpreter.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from setup import compile_flags, open_spiel_site


def libpython() -> Path:
    """The library of the running Python, shared if there is one, else static."""
    variables = sysconfig.get_config_vars()
    folders = [Path(variables[name]) for name in ("LIBDIR", "LIBPL") if variables.get(name)]
    folders.append(Path(sys.base_prefix) / "lib")  # where a relocated Python really is
    # Where Python is not built shared, LDLIBRARY is the static library as well.
    names = [str(variables[name]) for name in ("LDLIBRARY", "INSTSONAME", "LIBRARY") if variables.get(name)]
    for name in names:
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    sys.exit(
        f"make sanitize links {' or '.join(dict.fromkeys(names))}, which is in none of "
        f"{', '.join(dict.fromkeys(map(str, folders)))}: install it (Debian: python3-dev; pyenv: PYTHON_CONFIGURE_OPTS="
        "--enable-shared), or make clean and choose another Python with make PYTHON=..."
    )


def link_flags(site: Path) -> list[str]:
    """The wheel's library and Python's, found again when the program starts."""
    library = libpython()
    flags = [f"-L{site}", "-l:pyspiel.so", f"-Wl,-rpath,{site}", str(library)]
    if library.suffix == ".a":
        flags += ["-rdynamic", "-no-pie"]  # pyspiel.so sees its symbols; it is compiled for a fixed address
        flags += " ".join(sysconfig.get_config_var(name) or "" for name in ("LIBS", "SYSLIBS", "MODLIBS")).split()
    else:
        flags.append(f"-Wl,-rpath,{library.parent}")
    return [*flags, "-pthread"]


if __name__ == "__main__":
    site = open_spiel_site()
    print("COMPILE :=", *compile_flags(site))
    print("LINK :=", *link_flags(site))
