# Everything there is to do with a clone. Each target installs what it needs into ./.venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCAL := $(VENV)/.installed-local
ALL := $(VENV)/.installed-all
DEV := $(VENV)/.installed-dev
PEERS := $(patsubst tests/interop/peers/%.txt,%,$(wildcard tests/interop/peers/*.txt))

MINUTES ?= 1
SEED ?= 1
RUNS ?= 300
ENGINE ?= nats

.DEFAULT_GOAL := help
.PHONY: help demo demo-all test quality test-interop chaos check bench bench-peers docs conformance acp-client clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(LOCAL) ## see teams at work
	@$(BIN)/python -m examples.demo

demo-all: $(ALL) ## see the eight ready-made teams at work, one after the other
	@$(BIN)/python -m examples.demo_all

test: $(DEV) ## run the tests; what failed is run once more, and named if it passes then
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not chaos and not quality" --reruns 1 -r R

quality: $(DEV) ## see how well the embedded model plans, routes and calls: a few minutes
	@$(BIN)/python -m pytest -m quality

test-interop: ## run the tests of members from other frameworks, each in an environment of its own
	@.ci/interop $(PYTHON) test $(PEERS)

chaos: $(DEV) ## hurt a cluster of real processes: MINUTES=10 SEED=1 RUNS=300 ENGINE=temporal NAMESPACES=yes
	@$(BIN)/python -m pytest -m chaos
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED) --runs $(RUNS) \
		--engine $(ENGINE) $(if $(NAMESPACES),--namespaces)

check: $(DEV) ## style, types, floors, spelling, the map and the links
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || \
		{ echo "not formatted: run $(BIN)/ruff format ." >&2; $(BIN)/ruff format --check .; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/pyright --project pyproject.toml --pythonpath $(BIN)/python
	@NO_COLOR=1 $(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/codespell
	@$(BIN)/python -m pytest tests/test_repo.py tests/docs/test_links.py
	@echo "check: all is well"

bench: $(DEV) ## measure
	@$(BIN)/python -m bench

bench-peers: ## measure other frameworks beside ours, each in an environment of its own
	@$(PYTHON) -m bench.peers --python $(PYTHON) --write bench/README.md

docs: $(DEV) ## run every code block of the documents, and follow their links
	@$(BIN)/python -m pytest tests/docs tests/test_repo.py

conformance: $(DEV) ## have the official MCP suite judge our server and our client (needs npm)
	@$(BIN)/python .ci/conformance.py

acp-client: .venv-acp/bin/python ## have the acp-sdk client that tests of the ACP bridge use
.venv-acp/bin/python:
	@$(PYTHON) -m venv .venv-acp
	@.venv-acp/bin/python -m pip install -qq --disable-pip-version-check acp-sdk==1.0.3

clean: ## forget what was installed and cached; runs are kept
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(LOCAL): pyproject.toml .ci/install
	@.ci/install $(PYTHON) $(VENV) local
	@touch $@

$(ALL): pyproject.toml .ci/install
	@.ci/install $(PYTHON) $(VENV) local,code
	@touch $@ $(LOCAL)

$(DEV): pyproject.toml .ci/install
	@.ci/install $(PYTHON) $(VENV) local,dev
	@touch $@ $(LOCAL) $(ALL)
