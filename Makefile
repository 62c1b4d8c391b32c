# Every target makes its own virtual environment: by uv if it is there, else by pip.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
ARGS ?=
LOCK = --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

ifdef UV
MAKE_VENV = $(UV) venv --quiet --python 3.11 --allow-existing $(VENV)
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint lock render synth clean
.PHONY: bench bench-decisions bench-gate bench-tuning chaos fuzz submit-2000

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(MAKE_VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml processing/scoring/kernel.c | $(BIN)/python
	$(INSTALL) --no-deps --require-hashes -r requirements/run.txt
	$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.all: requirements/all.txt $(VENV)/.run
	$(INSTALL) --no-deps --require-hashes -r requirements/all.txt
	@touch $@

install: $(VENV)/.run ## what the demo and a laptop need: no Node, no SageMaker SDK, no CDK

demo: $(VENV)/.run ## three weeks of trainings and inferences on this machine; ARGS="--products 5000 --json out/facts.json"
	@mkdir -p out
	$(BIN)/rightpack demo --json out/demo.json $(ARGS)

test: $(VENV)/.all ## the whole test suite
	$(BIN)/python -m pytest $(ARGS)

bench-gate: $(VENV)/.all ## how often the gate raises a false alarm, and what it misses: 200 simulated weeks, a concept drift
	$(BIN)/python -m benchmarks.gate_weeks --json out/bench-gate.json $(ARGS)

bench-decisions: $(VENV)/.all ## what decisions cost against always-box, the thresholds and the oracle; ARGS="--seeds 1"
	$(BIN)/python -m benchmarks.decisions --json out/bench-decisions.json $(ARGS)

check: lint test ## everything a change must pass

lint: $(VENV)/.all ## format, style, types, imports, fresh definitions and templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pipelines.render --check
	$(BIN)/python -m infra.synth --check

bench-tuning: $(VENV)/.all ## tuning by each strategy against the default parameters; ARGS="--seeds 1"
	$(BIN)/python -m benchmarks.tuning --json out/bench-tuning.json $(ARGS)

bench: $(VENV)/.all ## speed against peers, as ratios in one run; ARGS="--only scoring catalogue"
	$(BIN)/python -m benchmarks.speed --json out/bench.json $(ARGS)

render: $(VENV)/.all ## write pipelines/definitions
	$(BIN)/python -m pipelines.render

synth: $(VENV)/.all ## write infra/templates
	$(BIN)/python -m infra.synth

lock: ## write requirements/*.txt from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --upgrade $(LOCK) --all-extras -o requirements/all.txt
	uv pip compile pyproject.toml --upgrade $(LOCK) --extra cli --extra jobs --extra local -c requirements/all.txt \
		-o requirements/run.txt
	uv pip compile pyproject.toml --upgrade $(LOCK) --extra jobs -c requirements/all.txt -o requirements/jobs.txt
	sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml | uv pip compile - --upgrade $(LOCK) -c requirements/all.txt \
		-o requirements/build.txt

SEEDS ?= 500
chaos: $(VENV)/.all ## the whole cycle under random faults and kills: SEEDS=500, or SEED=n to run one alone
	$(BIN)/python -m tests.faults.chaos $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(ARGS)

fuzz: $(VENV)/.all ## 10,000 broken triggers, manifests, Parquet files, requests and archives; ARGS="--examples 500 --seed 2"
	$(BIN)/python -m tests.faults.fuzz --json out/fuzz.json $(ARGS)

submit-2000: $(VENV)/.all ## 2,000 submitted runs with 30 % transient failures: all end, none is launched twice; ARGS="--runs 200"
	$(BIN)/python -m benchmarks.submit_many --json out/submit-2000.json $(ARGS)

clean: ## remove what was built
	rm -rf $(VENV) out dist build cdk.out
