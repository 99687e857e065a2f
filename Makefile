# Everything here sets itself up: only Python 3.11 or newer and make are needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two torch threads that spin collapse when another process wants the cores: let them sleep instead.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: quickstart test lint format bench gallery clean

quickstart: $(STAMP)  ## train a multimodal agent and show how well it drives
	@echo ">>> training on mmenvs/PathPlanning-v0; about four minutes on two cores"
	$(BIN)/python -m agents quickstart

test: $(STAMP)  ## run the whole test suite
	@echo ">>> running the tests; about twelve minutes on two cores"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -q

lint: $(STAMP)  ## check style and types
	@echo ">>> ruff and mypy"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## put the sources into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure throughput; run it alone
	$(BIN)/python -m benchmarks.throughput

gallery: $(STAMP)  ## draw the pictures of the README
	$(BIN)/python -m benchmarks.gallery

$(STAMP): pyproject.toml
	@echo ">>> making $(VENV) with $(PYTHON) and installing mmenvs; a few minutes the first time"
	@test -n "$(PYTHON)" || { echo "no Python found: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
