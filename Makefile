# What README and CI call.  Everything is installed into .venv once; Python edits need no new install, C++ edits rebuild
# only what they touch.
#
#   make demo    fine-tune the shipped Connect Four agent and print what it gained (about 10 minutes on two cores)
#   make test    the whole test suite              make test PYTEST_ARGS="-k replay"
#   make lint    style, types, layering
#   make sanitize  the core's C++ tests under AddressSanitizer with UBSan, and under ThreadSanitizer
#   make bench   the quick form of most benchmarks make bench BENCH_ARGS=   (the full form)
#   make format  rewrite the sources to the style that `make lint` asks for
#   make clean   remove what the build made, .venv included; runs/ stays
#
# Another Python: make PYTHON=python3.13 demo.  A core for this processor only: make TESUJI_NATIVE=1 demo (after make clean).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTEST_ARGS ?=
BENCH_ARGS ?= --quick
DEMO_ARGS ?=

CPP := $(wildcard csrc/*.cc csrc/*.h games/*/*.cc games/*/*.h)
CPP_TESTS := $(wildcard csrc/tests/*.cc csrc/tests/*.h)
METADATA := pyproject.toml constraints.txt

export TESUJI_NATIVE

.PHONY: demo test lint sanitize format bench core clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/python benchmarks/fine_tuning.py --run runs/demo $(DEMO_ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n logical $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror $(CPP) $(CPP_TESTS)

# TESTS and SANITIZERS choose: see csrc/tests/sanitize.mk.
sanitize: $(VENV)/.build
	$(MAKE) -f csrc/tests/sanitize.mk -j$(or $(TESUJI_JOBS),$(shell nproc)) -Otarget PYTHON=$(BIN)/python

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP) $(CPP_TESTS)

bench: $(VENV)/.dev
	for name in search environment exploitability self_play learning fine_tuning; do $(BIN)/python benchmarks/$$name.py $(BENCH_ARGS) || exit 1; done

core: $(VENV)/.core

clean:
	rm -rf $(VENV) build dist *.egg-info engine/_core*.so

# The build requirements go in first, so that the extension is compiled against the very wheel it will run with, and
# without pip fetching a second copy of it for an isolated build.
$(VENV)/.build: $(METADATA)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("tesuji needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + "; choose another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the build requirements"
	@$(PIP) install -c constraints.txt setuptools pybind11 open_spiel
	@touch $@

$(VENV)/.core: $(VENV)/.build setup.py $(CPP)
	@echo "compiling engine._core"
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

# tesuji itself is installed by then: these only add what its extras name.
$(VENV)/.demo: $(METADATA) | $(VENV)/.core
	@echo "installing what the demo needs"
	@$(PIP) install -c constraints.txt 'tesuji[openvino,oracle]'
	@touch $@

$(VENV)/.dev: $(METADATA) | $(VENV)/.core
	@echo "installing what tests and linters need"
	@$(PIP) install -c constraints.txt 'tesuji[int8,oracle,export,dev]'
	@touch $@ $(VENV)/.demo
