# What a developer runs; .ci/run runs the same. Each target sets up what it needs, once: `make run` on a fresh
# machine needs Python 3.11 and a C compiler. docs/development.md says more.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# -qq: errors only. What setuptools warns about an installation in place is how it is meant.
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq
CORE := $(wildcard potstill/core/*.pyx potstill/core/*.pxd)
# How long `make fuzz` looks for trouble, and what is passed on to pytest: make test ARGS="-x tests/unit".
SECONDS ?= 60
ARGS ?=

.PHONY: run test check format sanitize fuzz bench docs build clean
.DELETE_ON_ERROR:

run: build
	cd examples && exec ../$(BIN)/potstill hello:app --bind 127.0.0.1:8000

test: build $(STAMP)/test $(STAMP)/scan
	$(BIN)/python -m pytest $(ARGS)

check: build $(STAMP)/test $(STAMP)/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

format: $(STAMP)/lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sanitize: $(STAMP)/test
	scripts/sanitize $(BIN)/python -m pytest -p no:faulthandler -p no:cacheprovider tests/unit tests/wire $(ARGS)

# With the sanitizers as well: a parser that reads one byte too far still gives the right answer mostly.
fuzz: $(STAMP)/test
	scripts/sanitize $(BIN)/python -m fuzz --seconds $(SECONDS)

bench: build $(STAMP)/bench
	$(BIN)/python -m bench $(ARGS)

docs: build $(STAMP)/test
	$(BIN)/python docs/generate.py
	$(BIN)/python -m pytest -q tests/house/test_docs.py tests/house/test_examples.py

build: $(STAMP)/core $(STAMP)/install

clean:
	rm -rf build dist *.egg-info $(STAMP) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find potstill -name '*.so' -delete
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# The stamps: each says that its step was done for what it depends on.

$(STAMP)/venv: scripts/make-venv scripts/find-python
	@scripts/make-venv $(VENV)
	@mkdir -p $(STAMP)
	$(PIP) --upgrade 'pip>=25.1'
	@touch $@

$(STAMP)/tools: $(STAMP)/venv pyproject.toml
	$(PIP) --group build
	@touch $@

# Built before it is installed, so that what is missing is said without the noise of an installation.
$(STAMP)/core: $(STAMP)/tools setup.py $(CORE)
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

# Installed in place: the sources are what runs. Changes in the core do not need it again.
$(STAMP)/install: $(STAMP)/tools pyproject.toml | $(STAMP)/core
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(STAMP)/test $(STAMP)/lint: $(STAMP)/%: $(STAMP)/tools pyproject.toml
	$(PIP) --group $*
	@touch $@

# The scanner of TLS, which tests/process/test_tls_scan.py starts: beside what the tests import, not among it.
$(STAMP)/scan: $(STAMP)/tools pyproject.toml
	$(BIN)/python -m venv --without-pip $(VENV)/scan
	$(BIN)/python -m pip --python $(VENV)/scan --disable-pip-version-check install -qq --group scan
	@touch $@

# The peers one by one: what does not install here is left out of the table, and the run says why.
$(STAMP)/bench: $(STAMP)/tools bench/requirements.txt
	$(BIN)/python -m bench.install
	@touch $@
