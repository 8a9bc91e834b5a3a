# The core's own tests (csrc/tests/*_test.cc), as one program with the core and without Python's interpreter, built and
# run under each sanitizer.  `make sanitize` calls this in the repository's root; what a failing test needs is
#
#   make sanitize TESTS=pool_test                a part of the names; several in quotes
#   make sanitize SANITIZERS=thread              one of the two

PYTHON := .venv/bin/python
SANITIZERS := address thread
TESTS :=

BUILD := build/sanitize
SOURCES := $(filter-out csrc/module.cc csrc/bind_%,$(wildcard csrc/*.cc games/*/*.cc)) $(wildcard csrc/tests/*.cc)

# Undefined behaviour ends the program, as a bad address does.
address := -fsanitize=address,undefined -fno-sanitize-recover=all
thread := -fsanitize=thread
# Bounds of the standard containers are checked as well.  NDEBUG_SANITIZER: Abseil's containers keep the layout that they
# have in the wheel.
FLAGS := -std=c++20 -O1 -g1 -fno-omit-frame-pointer -Wall -Wextra -Werror -MMD -D_GLIBCXX_ASSERTIONS -DNDEBUG_SANITIZER
# GCC's sanitizers want the addresses that they were laid out for; some kernels randomise them too widely.
RUN := $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: all $(SANITIZERS)
.DELETE_ON_ERROR:
all: $(SANITIZERS)

# COMPILE and LINK.
include $(BUILD)/toolchain.mk
$(BUILD)/toolchain.mk: csrc/tests/toolchain.py setup.py pyproject.toml
	@mkdir -p $(@D)
	@PYTHONPATH=. $(PYTHON) $< > $@

# OpenSpiel's headers are most of every compilation: read once, before the first line of each source.
define sanitizer
$(1): $(BUILD)/$(1)/tests
	$(RUN) $$< $(TESTS)
$(BUILD)/$(1)/tests: $(SOURCES:%.cc=$(BUILD)/$(1)/%.o)
	@$(CXX) $($(1)) -o $$@ $$^ $(LINK)
$(BUILD)/$(1)/%.o: %.cc $(BUILD)/$(1)/spiel.h.gch
	@mkdir -p $$(@D)
	@$(CXX) $(COMPILE) $(FLAGS) $($(1)) -include $(BUILD)/$(1)/spiel.h -c $$< -o $$@
$(BUILD)/$(1)/spiel.h.gch: csrc/spiel.h csrc/tests/sanitize.mk $(BUILD)/toolchain.mk
	@mkdir -p $$(@D)
	@echo "compiling the core's tests for the $(1) sanitizer"
	@$(CXX) $(COMPILE) $(FLAGS) $($(1)) -x c++-header $$< -o $$@
endef
$(foreach name,$(SANITIZERS),$(eval $(call sanitizer,$(name))))

-include $(foreach name,$(SANITIZERS),$(SOURCES:%.cc=$(BUILD)/$(name)/%.d))
