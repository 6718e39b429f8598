# Kanal: `make demo` and `make test` are all a newcomer needs; both set everything up first.
# What varies:  PYTHON=/path/to/python3.12   ARGS="--once" (demo)   ARGS="tests/config -x" (test)
# TEST_RABBITMQ=/folder: another RabbitMQ than the machine's, see CONTRIBUTING.md.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
export PYTHON
# Without compiled files every start compiles all it imports, which takes as long as the import.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# Without the variable uv downloads a Python of its own where it finds no 3.11.
COMPILE := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --universal --python-version 3.11 \
	--generate-hashes --no-header --quiet $(ARGS)
# Tests of one file stay together: they share what they start. Chosen tests run in one process.
SPREAD := $(if $(ARGS),,--numprocesses 2 --dist loadfile --no-loadscope-reorder)
# The pure rooms without their big tables, and the promises of every channel: no service is started.
QUICK := tests/config tests/adapters/test_conformance.py tests/adapters/test_http.py tests/gateway/test_logs.py \
	tests/gateway/test_texts.py tests/normalizer tests/router/test_register.py tests/test_house.py \
	--ignore=tests/normalizer/test_work.py
# Percent of the lines of config and normalizer that these tests reach; 97.8 were measured.
FLOOR := 96
LOCKS := requirements.lock requirements-bootstrap.lock

.PHONY: help demo run quick coverage test check lint fmt bench faults lock

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*##/\1:/p' Makefile | awk -F ':' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: .venv/.run  ## set up, then send sample messages through real doors (ARGS=--once ends by itself)
	@$(BIN)/kanal demo $(ARGS)

run: .venv/.run  ## set up, then start the gateway with all its roles
	@$(BIN)/kanal up $(ARGS)

test: export OMP_NUM_THREADS := 1
test: .venv/.dev  ## set up, then run all tests (ARGS chooses some)
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

quick: .venv/.dev  ## the tests that need no service, in well under half a minute
	@$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile $(QUICK)

coverage: export OMP_NUM_THREADS := 1
coverage: .venv/.dev  ## the same tests, and how much of the pure rooms they reach
	@$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile --cov --cov-fail-under=$(FLOOR) $(QUICK)

check: lint test  ## format, lint, types, import rules, then all tests, once

lint: .venv/.dev  ## format, lint, types, import rules and dead code, without the tests
	@$(BIN)/ruff format --check --quiet . || { echo 'Run "make fmt".' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/python -m tests.dead_code
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: .venv/.dev  ## put every file into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/.dev  ## measure, next to the obvious implementation
	@$(BIN)/python -m bench $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m bench.routing
	@test -n "$(ARGS)" || $(BIN)/python -m bench.slices

faults: .venv/.dev  ## strike at every hop and count what is lost or doubled (about half an hour)
	@$(BIN)/python -m faults $(ARGS)

# The runtime lock leads, so that tests run on exactly the versions that are deployed.
lock: .venv/.dev  ## write pyproject.toml's choices into the lock files (ARGS=--upgrade: newest)
	$(COMPILE) --group bootstrap -o requirements-bootstrap.lock
	$(COMPILE) pyproject.toml --group build --extra oidc -o requirements.lock
	$(COMPILE) pyproject.toml --group build --extra oidc --extra dev -c requirements.lock -o requirements-dev.lock

# Stamps: a second run is instant, a changed lock is noticed.
.venv/.run: $(LOCKS) pyproject.toml .ci/set-up
	@sh .ci/set-up requirements.lock
	@touch $@

.venv/.dev: $(LOCKS) requirements-dev.lock pyproject.toml .ci/set-up
	@sh .ci/set-up requirements-dev.lock
	@touch $@ .venv/.run
