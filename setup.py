"""Builds the one native extension, engine._core, against the *installed* open_spiel wheel.

Everything else about the package is declared in pyproject.toml.  The wheel ships its C++ headers and exports its C++
symbols from pyspiel.so, so nothing is vendored and nothing of open_spiel is linked: the symbols are resolved when
engine/native.py loads the extension (an absolute rpath would point into pip's temporary build environment).

Switches (environment variables):
    TESUJI_NATIVE=1   compile for this machine's processor (-march=native) instead of any processor of its family
    TESUJI_JOBS=N     number of compilers at once (default: the number of processors)
"""

from __future__ import annotations

import os
import shlex
import sys
from importlib import metadata
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup

SUPPORTED_OPEN_SPIEL = "2.0.2"


def open_spiel_site() -> Path:
    """The site-packages folder of the installed open_spiel wheel, which holds its headers."""
    try:
        distribution = metadata.distribution("open_spiel")
    except metadata.PackageNotFoundError:
        sys.exit(f"setup.py: open_spiel is not installed here; run: pip install open_spiel=={SUPPORTED_OPEN_SPIEL}")
    if distribution.version != SUPPORTED_OPEN_SPIEL:
        sys.exit(
            f"setup.py: open_spiel {distribution.version} is installed, engine._core needs {SUPPORTED_OPEN_SPIEL}; "
            f"run: pip install open_spiel=={SUPPORTED_OPEN_SPIEL}"
        )
    site = Path(str(distribution.locate_file("")))
    if not (site / "open_spiel" / "spiel.h").is_file():
        sys.exit(f"setup.py: {site / 'open_spiel'} has no C++ headers; install open_spiel from its wheel")
    return site


def outdated(obj: str, source: str) -> bool:
    """Whether `source` or a header it included (written by the compiler's -MMD beside the object) is newer."""
    rules = Path(obj).with_suffix(".d")
    if not Path(obj).is_file() or not rules.is_file():
        return True
    built = Path(obj).stat().st_mtime
    names = shlex.split(rules.read_text().replace("\\\n", " "))[1:]
    return any(not Path(name).is_file() or Path(name).stat().st_mtime > built for name in [source, "setup.py", *names])


def compile_flags(site: Path) -> list[str]:
    """Macros and folders that any part of the core is compiled with."""
    spiel = site / "open_spiel"
    # NDEBUG as in the wheel: some of its inline functions differ without it.
    flags = ["-DNDEBUG", "-I."]
    # -isystem: the wheel's headers are not ours to warn about.
    for folder in (site, spiel, spiel / "abseil-cpp", spiel / "json" / "include"):
        flags += ["-isystem", str(folder)]
    return flags


def extension() -> Pybind11Extension:
    flags = [*compile_flags(open_spiel_site()), "-O3", "-g0", "-Wall", "-Wextra", "-MMD"]
    if os.environ.get("TESUJI_NATIVE") == "1":
        flags.append("-march=native")
    root = Path(__file__).parent
    paths = sorted(str(path.relative_to(root)) for folder in ("csrc", "games/*") for path in root.glob(f"{folder}/*"))
    return Pybind11Extension(
        "engine._core",
        [path for path in paths if path.endswith(".cc")],
        depends=["setup.py", *(path for path in paths if path.endswith(".h"))],
        define_macros=[("TESUJI_OPEN_SPIEL_VERSION", f'"{SUPPORTED_OPEN_SPIEL}"')],
        extra_compile_args=flags,
        extra_link_args=["-pthread"],
        cxx_std=20,
    )


if __name__ == "__main__":  # csrc/tests/toolchain.py asks for the flags alone
    # A fixed folder, because an editable install would otherwise compile everything anew in a temporary one; apart for
    # each Python and processor, whose objects do not mix.
    objects = f"build/{sys.implementation.cache_tag}" + ("-native" if os.environ.get("TESUJI_NATIVE") == "1" else "")
    ParallelCompile("TESUJI_JOBS", default=os.cpu_count() or 1, needs_recompile=outdated).install()
    setup(
        ext_modules=[extension()],
        cmdclass={"build_ext": build_ext},
        options={"build_ext": {"build_temp": objects}},
    )
