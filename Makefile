# The README's two commands are `make run` and `make test`; both set up .venv when it is missing or old.
PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin

.PHONY: run test test-all bench clean

run: $(VENV)/.ready
	$(BIN)/methodic run digits --budget 60s

test: $(VENV)/.ready
	$(BIN)/ruff format --check src tests benchmarks examples docs/draw.py
	$(BIN)/ruff check src tests benchmarks examples docs/draw.py
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist worksteal -m "not heavy"

test-all: $(VENV)/.ready
	$(BIN)/pytest -n 2 --dist worksteal

bench: $(VENV)/.ready $(BENCH)/.ready
	for file in benchmarks/[a-z]*.py; do $(BENCH)/bin/python $$file $(BENCHFLAGS) || exit 1; done

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(BENCH)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --constraint constraints.txt torch
	$(BENCH)/bin/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) $(BENCH)
