# `make` lists what there is.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PORT ?= 8000
# Two workers: about the number of processors of a small machine.
PYTEST_ARGS ?= -n 2
# What `make quick` runs: a folder, a file, or anything else that pytest understands.
ARGS ?= tests

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
STAMP := $(VENV)/.installed

# Settings for the checks that look at the production configuration. The keys are thrown away.
THROW_AWAY_PRODUCTION = DEBUG=false ALLOWED_HOSTS=care.example.com \
	SITE_URL=https://care.example.com PROXY_COUNT=1 EMAIL_URL=smtp+tls://mail.example.com:587 \
	DATABASE_URL=sqlite:///var/check.sqlite3 \
	SECRET_KEY="$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	CODE_KEYS="k1:$$($(PYTHON) -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())')"

MIGRATIONS = policies/migrations claims/migrations
# Kept between two quick runs until a migration is newer, or CREATE_DB=1 asks for a new one.
QUICK_DB = var/test.sqlite3
QUICK_DB_ARGS = --reuse-db $$(test -z "$(CREATE_DB)" -a -f $(QUICK_DB) && \
	test -z "$$(find $(MIGRATIONS) -name '*.py' -newer $(QUICK_DB))" || echo --create-db)

.PHONY: help install run test quick check bench browser simulate clean

help: ## this list
	@grep -hE '^[a-z_-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

install: $(STAMP) ## a virtual environment in .venv with everything in it

$(STAMP): requirements.txt requirements-easypost.txt requirements-dev.txt
	@set -e; \
	if command -v uv >/dev/null 2>&1; then \
		test -x $(PYTHON) || uv venv --quiet --seed --python '>=3.11' $(VENV); \
		VIRTUAL_ENV=$(VENV) uv pip install --quiet -r requirements-dev.txt; \
	else \
		found=; if ! test -x $(PYTHON); then \
			for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do \
				$$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
					>/dev/null 2>&1 && found=$$candidate && break; \
			done; \
			test -n "$$found" || { echo "Python 3.11 or newer with venv is needed, and was not found." >&2; exit 1; }; \
			$$found -m venv $(VENV); \
		fi; \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt; \
	fi; \
	touch $(STAMP)

# Everything is a background process of this recipe's shell, and whichever way the recipe ends
# (Ctrl-C, TERM, the server gone) the trap ends them all, so that the next run finds the port
# and the database free. (Without --noreload the server would be two processes, and one of
# them could outlive the other.)
run: install ## the back office on http://localhost:8000 (PORT=...), with demo data and the workers
	@export DEBUG=true PYTHONUNBUFFERED=1; \
	grep -qs '^SITE_URL=' .env || export SITE_URL="$${SITE_URL:-http://localhost:$(PORT)}"; \
	started=; \
	start() { $(PYTHON) manage.py "$$@" </dev/null & started="$$started $$!"; }; \
	finish() { status=$$?; trap '' INT TERM HUP; trap - EXIT; \
		kill $$started 2>/dev/null; wait; exit $$status; }; \
	trap finish EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; trap 'exit 129' HUP; \
	start migrate --verbosity 0; wait $$! || exit; \
	start demo --if-empty; wait $$! || exit; \
	start run_sweeps; wait $$! || exit; \
	printf '\nCustomers: http://localhost:%s/\nStaff:     http://localhost:%s/admin/\nCtrl-C stops.\n\n' $(PORT) $(PORT); \
	start send_letters --forever; \
	start buy_labels --forever; \
	start run_imports --forever; \
	start runserver --noreload $(PORT); wait $$!

test: install ## the whole suite, on SQLite and then on a real PostgreSQL
	@status=0; \
	echo "== suite on SQLite =="; \
	DATABASE_URL=sqlite:///var/db.sqlite3 $(PYTHON) -m pytest $(PYTEST_ARGS) || status=1; \
	$(PYTHON) -m tests.postgres $(PYTEST_ARGS) || status=1; \
	exit $$status

quick: install ## style, then the tests of ARGS=tests/... on SQLite until one fails, that one first next time
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@DATABASE_URL=sqlite:///var/db.sqlite3 $(PYTHON) -m pytest -q -x --ff $(QUICK_DB_ARGS) $(ARGS)

check: install ## style, types, architecture, deployment settings, migrations, dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DEBUG=true $(BIN)/mypy
	@echo "manage.py check --deploy"; $(THROW_AWAY_PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING
	DEBUG=true $(PYTHON) manage.py makemigrations --check --dry-run
	$(PYTHON) -m pytest -q tests/test_architecture.py tests/test_habits.py
	$(PYTHON) -m pip check

bench: install ## benchmarks, as ratios to a floor measured in the same run
	$(PYTHON) -m tests.benchmarks

browser: install ## the pages in a real browser (needs chromium)
	$(PYTHON) -m pytest tests/browser

simulate: install ## random years against an independent book: SIMULATE_SEEDS=20 SIMULATE_YEARS=30
	SIMULATE_SEEDS=$${SIMULATE_SEEDS:-20} SIMULATE_YEARS=$${SIMULATE_YEARS:-30} \
		$(PYTHON) -m pytest -s -p no:randomly $(PYTEST_ARGS) tests/simulation

clean: ## removes the virtual environment and caches; the data below var/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis var/static
	rm -f var/test*.sqlite3* var/check.sqlite3
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
