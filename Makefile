# make install: the virtual environment.  make demo: the main job.  make test: lint, types and tests.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HOUSE := $(VENV)/house

.PHONY: reference help install demo test test-slow mutation lint format golden clean

help:
	@echo "make install    set up $(VENV) (idempotent)"
	@echo "make demo       the main job on sample clips: train, register, promote, serve, ask"
	@echo "make test       lint, type check and test"
	@echo "make test-slow  the tests that take minutes"
	@echo "make mutation   do the tests notice small changes to what decides? hours; ROOM=registry for one room"
	@echo "make format     format the code"
	@echo "make reference  write docs/settings.md and docs/commands.md from the code"
	@echo "make golden     write the compiled pipeline that a test compares with"

install: $(STAMP)

$(STAMP): pyproject.toml setup.py constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@# torch first and by its exact version: a range would bring the CUDA packages with it
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: install
	@$(BIN)/affekt demo

test: install lint
	@$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadgroup

test-slow: install
	@$(BIN)/python -m pytest -m slow --timeout 3600

mutation: install
	@nice -n 15 $(BIN)/python bench/mutation.py $(addprefix --room ,$(ROOM)) --out docs/benchmarks

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@# as installed: three top-level folders lie below affekt
	@rm -rf $(HOUSE) && mkdir -p $(HOUSE) && cp -rs $(CURDIR)/affekt $(HOUSE)/affekt
	@for folder in components pipelines serving; do cp -rs $(CURDIR)/$$folder $(HOUSE)/affekt/$$folder; done
	@cd $(HOUSE) && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache
	@cd $(HOUSE) && PYTHONPATH=. $(CURDIR)/$(BIN)/lint-imports --no-logo --no-cache $(CURDIR)/pyproject.toml

format: install
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

golden: install
	@$(BIN)/affekt pipeline compile --out tests/pipelines/affekt-training.yaml

reference: install
	@$(BIN)/python -c "from affekt.settings.reference import markdown; print(markdown(), end='')" > docs/settings.md
	@$(BIN)/python -c "from affekt.pipelines.cli.reference import markdown; print(markdown(), end='')" > docs/commands.md

clean:
	rm -rf $(VENV) .affekt build *.egg-info .mypy_cache .ruff_cache .pytest_cache
