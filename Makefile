# Two commands do everything: `make demo` and `make test`. They need Python 3.11 or newer, make and a package registry.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

# Other libraries are measured on the Python that all of them run on; PEERS_PIP is for options such as --find-links.
PEERS_PYTHON ?= python3.13
PEERS := $(patsubst %,benchmarks/peers/.venv-%/.ready,current next quantai)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench peers torture hour mutants docs system clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Run an hour of a synthetic market and open the report (ARGS="key=value ...")
	@$(BIN)/quantai-daemon simulation.open_report=true $(ARGS)

test: $(VENV)/.development system ## Run all tests (ARGS="-k name")
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.development ## Check format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.development ## Put the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.development system ## Measure everything, write docs/performance.md (ARGS="bus store": these parts)
	@$(BIN)/python -m benchmarks.run $(ARGS)

peers: $(VENV)/.development $(PEERS) ## Measure other libraries, in environments of their own (PEERS_PYTHON=python3.13)
	@$(BIN)/python -m benchmarks.peers.run

torture: $(VENV)/.development ## Break all around the OMS (SEEDS=100000; SEED=4711: one, in words), kill recorders
ifdef SEED
	@$(BIN)/python -m tests.torture.oms --seed $(SEED) $(ARGS)
else
	$(BIN)/python -m tests.torture.oms --seeds $(or $(SEEDS),10000) $(ARGS)
ifndef SEEDS
	$(BIN)/python -m tests.torture.recorder --kills 200
endif
endif

hour: $(VENV)/.development ## Trade, then record an hour at a loopback Binance, with faults and kills (ARGS=--as-user: the commands)
	$(BIN)/python -m tests.e2e.hour --mode live_trading $(ARGS)
	$(BIN)/python -m tests.e2e.hour --mode live_recording $(ARGS)

mutants: $(VENV)/.development ## Change the OMS in thousands of places: do the tests see it? (SAMPLE=1500; ARGS="risk journal/line")
	@$(BIN)/python -m scripts.mutation $(addprefix --sample ,$(SAMPLE)) $(ARGS)

docs: $(VENV)/.development ## Write the parts of the docs that are made from the code
	$(BIN)/python -m scripts.write_reference

system: ## Install the Debian packages that tests need, where they are missing
	@scripts/install_system_packages

clean: ## Remove the environments and all caches (runs and stores stay)
	rm -rf $(VENV) benchmarks/peers/.venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "QuantAI needs Python 3.11 or newer; set PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP) --editable '.[sweep]'
	@touch $@

$(VENV)/.development: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

benchmarks/peers/.venv-%/.ready: benchmarks/peers/requirements-%.txt
	$(PEERS_PYTHON) -m venv $(@D)
	PIP_CONSTRAINT= PIP_BUILD_CONSTRAINT= $(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(PEERS_PIP) --requirement $<
	@touch $@
