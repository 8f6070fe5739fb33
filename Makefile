# `make demo` and `make test` work on a fresh machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
STAMP  := $(VENV)/.installed

.PHONY: help install demo browser test test-all test-browser check docs measures bench scale calibration soak clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

install: $(STAMP) ## the environment, in .venv/
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"ontogeny needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: install    ## train 64 widths, look, compare, and write the report
	$(BIN)/ontogeny run bottleneck --out out/bottleneck

browser:         ## a Chromium for the tests in a browser, where the machine has apt and lets us; else they are skipped and say so
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no Chromium here, and none could be installed: tests in a browser are skipped"

test: install    ## the default suite, in parallel (under 10 minutes on two cores)
	$(BIN)/python -m pytest -n 2 -m 'not slow and not optional and not attack and not browser'

test-all: install ## everything, long tests included
	$(BIN)/python -m pytest -n 2 -m 'not optional and not attack and not browser'

test-browser: install browser ## the workbench as a person uses it, in a real Chromium
	$(BIN)/python -m pytest -m "browser or quick" tests/workbench/browser

check: install   ## formatting, lint, types and the import table of the house
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

docs: install    ## docs/recipes.md and docs/lenses.md, from the schema and the registries
	$(BIN)/python -m ontogeny.reference > docs/recipes.md
	$(BIN)/python -m ontogeny.instruments > docs/lenses.md

measures: install ## docs/measures.md, from scratch: which measure when
	$(BIN)/python -m benchmarks.which_measure

bench: install   ## docs/performance.md, from scratch
	$(BIN)/python -m benchmarks

scale: install   ## docs/scale.md, from scratch: how a directory grows with its runs, up to 10,000
	$(BIN)/python -m benchmarks.scale --out docs/scale.md

calibration: install ## docs/findings/calibration.md, from scratch: how far a verdict can be trusted
	$(BIN)/python -m benchmarks.calibration

soak: install    ## attack the store: 1,000 kills, 2,000 hostile files, damage; docs/reliability.md (minutes; KILLS=100 for fewer)
	$(BIN)/python -m tests.attack.soak --kills $(or $(KILLS),1000) --files $(or $(FILES),2000) --recipes $(or $(RECIPES),300) --out docs/reliability.md

clean:           ## remove the environment and what it built (never out/)
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
