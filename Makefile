# One entry to both languages; every target sets up what it needs on a fresh clone.
# Needs Python >= 3.11, Node >= 20 and make. On Windows use the plain lines of the README.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
NPM    := npm --prefix electron-shim

# The file changes only when all of it was written.
describe = $(PY) -m rpcbackend describe --format $(1) > $(2).new && mv $(2).new $(2)

# Hundreds of processes are started: none is to compile what another one has, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
# The two halves of the tests build the same folder.
.NOTPARALLEL:
.PHONY: help demo test test-python test-shim e2e fuzz faults simulate check fix cov gen bench app clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.core  ## install, create the demo school, and show a morning at its desk
	@$(PY) -m rpcbackend demo

test: check test-python test-shim e2e  ## install everything and pass all tests

# Whole processes and many worlds: coverage and the loop's debug mode would take longer than the tests.
WHOLE := tests/e2e tests/faults tests/properties tests/simulation

# A file in one of four processes, each with a database server of its own: on two cores, too, for much of what
# they do is to wait. Of the whole processes those begin first that take longest (tests/conftest.py).
AT_ONCE := --numprocesses 4 --dist loadfile

test-python: $(VENV)/.dev electron-shim/node_modules/.installed
	PYTHONWARNDEFAULTENCODING=1 PYTHONASYNCIODEBUG=1 $(PY) -m coverage run -m pytest $(AT_ONCE) tests $(WHOLE:%=--ignore=%)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report
	PYTHONWARNDEFAULTENCODING=1 $(PY) -m pytest $(AT_ONCE) --no-loadscope-reorder $(WHOLE)

test-shim: $(VENV)/.dev electron-shim/node_modules/.installed
	$(NPM) test

e2e: $(VENV)/.dev electron-shim/node_modules/.installed
	$(NPM) run e2e

fuzz: $(VENV)/.dev  ## ten minutes of random input, and what came back
	HYPOTHESIS_PROFILE=fuzz $(PY) -m pytest --timeout=3600 tests/properties tests/e2e/test_fuzzing.py

faults: $(VENV)/.dev  ## an hour or two of power cuts, kills, failing disks and flipped bits, and what was left
	RPCBACKEND_FAULTS=full $(PY) -m pytest tests/faults

simulate: $(VENV)/.dev  ## hundreds of worlds with faults, in virtual time, and what they came to
	$(PY) -m tests.simulation --seeds $(or $(SEEDS),300)

check: $(VENV)/.dev electron-shim/node_modules/.installed  ## format, lint, types, imports
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(NPM) run check

fix: $(VENV)/.dev  ## format and mend what can be mended
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

cov: test-python  ## coverage as a page
	$(PY) -m coverage html

gen: $(VENV)/.dev  ## make again what is generated from the code
	$(call describe,openrpc,rpcbackend/contract/openrpc.json)
	$(call describe,markdown,docs/channels.md)
	$(call describe,errors,docs/errors.md)
	$(call describe,settings,docs/configuration.md)
	$(call describe,typescript,electron-shim/src/generated/channels.gen.ts)

bench: $(VENV)/.bench electron-shim/node_modules/.installed  ## speed side by side with a bare Python loop, and a plot
	node bench/wire.mjs
	$(NPM) run build
	node bench/bridge.mjs
	$(PY) bench/rings.py
	$(PY) bench/observers.py
	$(PY) bench/store.py
	$(PY) bench/cache.py
	$(PY) bench/recording.py
	$(PY) bench/outside.py
	$(PY) bench/mirror.py
	$(PY) bench/feeds.py
	$(PY) bench/scaling.py
	$(PY) bench/plot.py

app: $(VENV)/.dev electron-shim/node_modules/.installed .demo/school.db  ## open the example window in Electron, over the demo school
	RPCBACKEND_DATA_DIR=$(CURDIR)/.demo $(NPM) run app

clean:  ## remove what was installed and built
	rm -rf $(VENV) .demo electron-shim/node_modules electron-shim/dist .coverage .hypothesis

.demo/school.db: | $(VENV)/.core
	@$(PY) -m rpcbackend seed --students 560 --years 1 --data-dir .demo

$(PY):
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(PY)
	@echo "Installing the Python packages (once) ..."
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(PY)
	@echo "Installing the Python packages for tests (once) ..."
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) --editable '.[bench]'
	@touch $@

electron-shim/node_modules/.installed: electron-shim/package.json electron-shim/package-lock.json electron-shim/clients/package.json
	@echo "Installing the npm packages (once) ..."
	$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@
