# Every target sets up what it needs: a machine with Python 3.11+, pip and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SERVERS := .servers/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-dagster test-scale servers check dev bench lock pictures test-day test-fuzz clean

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
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test-dagster: setup ## Run the tests on a real Dagster page and daemon
	KOBOSIFT_TEST_DAGSTER=1 $(BIN)/python -m pytest tests/pipelines/test_dagster_dev.py

servers: setup $(SERVERS) ## Install PostgreSQL and an S3 endpoint where they are missing, and see that they start
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql)
	$(BIN)/python -m tests.scale.servers

test-scale: servers ## Run the tests on a real PostgreSQL and S3 endpoint
	KOBOSIFT_TEST_SCALE=1 $(BIN)/python -m pytest tests/scale

$(SERVERS): # an S3 endpoint to test against, apart from what the project itself needs
	$(PYTHON) -m venv .servers
	.servers/bin/python -m pip install --quiet --disable-pip-version-check 'moto[s3,server]==5.2.5'
	@touch $@

test-day: setup ## Live through a day of operation in minutes: is it flat, does it add up?
	KOBOSIFT_TEST_DAY=1 $(BIN)/python -m pytest -s tests/pipelines/test_day.py

FUZZ ?= 50000
test-fuzz: setup ## Send the gateway generated requests: FUZZ to the webhook and as many to all routes together
	KOBOSIFT_TEST_RANDOM=1 KOBOSIFT_TEST_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/gateway/test_schema.py tests/gateway/test_webhook.py -o faulthandler_timeout=0 -k "generated or unproved or proved"

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

pictures: setup ## Draw the README's picture of the demo, and photograph Dagster's page (needs Debian's chromium)
	$(BIN)/python docs/pictures/draw.py
	$(PYTHON) -m venv .pictures-venv
	.pictures-venv/bin/python -m pip install --quiet playwright pillow
	.pictures-venv/bin/python docs/pictures/photograph.py
	rm -rf .pictures-venv

clean: ## Remove what the targets made
	rm -rf $(VENV) .servers .kobosift .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info build
