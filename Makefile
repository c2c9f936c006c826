# fxgpt: `make` lists the targets. Everything runs in .venv, which is made from requirements.lock when that changes.

SYMBOL    ?= EURUSD
TIMEFRAME ?= 1h
PYTHON311 ?= python3.11
VENV      ?= .venv
TESTS     ?= tests

BIN   := $(VENV)/bin
STAMP := $(VENV)/installed-from-lock

# One thread for each process: results do not depend on the machine, and two test workers do not fight for two cores.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo ui setup test test-slow lint clean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo
	@echo '  SYMBOL=$(SYMBOL) TIMEFRAME=$(TIMEFRAME) choose what the demo runs on; FXGPT_DATA_ROOT says where it is kept.'

demo: $(STAMP) ## candles to an audited paper order, end to end (SYMBOL=EURUSD TIMEFRAME=1h)
	@$(BIN)/python -m fxgpt_pipelines.demo --symbol $(SYMBOL) --timeframe $(TIMEFRAME)

ui: $(STAMP) ## Dagster on http://127.0.0.1:3000 and MLflow on http://127.0.0.1:5000
	@$(BIN)/python -m fxgpt_pipelines.ui

setup: $(STAMP) ## make or migrate the ledger (the demo does it by itself)
	@$(BIN)/fxgpt setup

test: lint ## everything continuous integration checks
	$(BIN)/python -m pytest $(TESTS) -n 2 --dist loadfile -m 'not slow'

test-slow: $(STAMP) ## the long sweeps
	$(BIN)/python -m pytest $(TESTS) -m slow --timeout 3600

lint: $(STAMP) ## style, types and the one-way rule between rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove caches and .venv; candles, models and orders stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis fxgpt.egg-info
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

$(VENV): $(STAMP)

# torch goes first and alone: it is nine tenths of the download, and the rest is resolved against it.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON311) > /dev/null || { \
	  echo 'fxgpt needs Python 3.11: "$(PYTHON311)" was not found. Install it, or name it: make PYTHON311=/path/to/python3.11' >&2; \
	  exit 1; }
	@echo 'Installing into $(VENV), once for each change of requirements.lock (some minutes)...'
	@test -x $(BIN)/python || $(PYTHON311) -m venv $(VENV)
	@$(BIN)/pip install --quiet "$$(grep -E '^torch==' requirements.lock)"
	@$(BIN)/pip install --quiet --requirement requirements.lock
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
