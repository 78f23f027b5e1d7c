# Every target sets up what it needs: a machine with Python 3.11+, pip and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-dagster check dev bench lock pictures clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP) ## Make .venv from the lock file

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("kobosift needs Python 3.11 or newer; set PYTHON=python3.11 (or newer)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup ## Run the main job from nothing on invented bank lines
	$(BIN)/kobosift demo

test: setup ## Run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-dagster: setup ## Run the tests on a real Dagster page and daemon
	KOBOSIFT_TEST_DAGSTER=1 $(BIN)/python -m pytest tests/pipelines/test_dagster_dev.py

check: setup ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dev: setup ## Start Dagster's page and daemon, the gateway and the sandbox
	$(BIN)/kobosift dev

bench: setup ## Measure, with the comparisons in the same run
	$(BIN)/python -m bench

lock: ## Resolve pyproject.toml anew into requirements.lock
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet uv
	.lock-venv/bin/uv pip compile --quiet --universal --upgrade --no-header --python-version 3.11 --extra dev --output-file requirements.lock pyproject.toml
	rm -rf .lock-venv

pictures: setup ## Draw the README picture from the demo
	$(BIN)/python docs/pictures/draw.py

clean: ## Remove what the targets made
	rm -rf $(VENV) .kobosift .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info build
