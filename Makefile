# make install: the virtual environment.  make demo: the main job.  make test: lint, types and tests.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HOUSE := $(VENV)/house
TORCH_INDEX ?=
NVIDIA := test -e /dev/nvidiactl -o -e /dev/dxg
RECENT := 'import sys; sys.exit(sys.version_info < (3, 11))'
# Their own tests, what mypy has in C, and the services of Amazon's that moto plays besides S3: a third of the code.
RARE = /tests?/|/testing/_internal/|/mypyc?/|/moto/(?!(core|s3|s3bucket_path|moto_api|moto_server|settings|utilities)\b)|/(libcst|textual)/
# What a part that failed says where the disk is full: that is nobody else's fault.
ROOM = free=$$(df -Pk . | awk 'NR == 2 { print int($$4 / 1024) }'); test "$$free" -ge 300 || { echo "the disk is full:" \
	"$$free MB are free here, and $(VENV) takes 3.1 GB; make room, and make install goes on from here" >&2; exit 1; }
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

.PHONY: help install demo test suite test-slow fuzz docs wheel wheel-test mutation lint format reference golden clean

help:
	@echo "make install    set up $(VENV) (idempotent)"
	@echo "make demo       the main job on sample clips: train, register, promote, serve, ask"
	@echo "make test       lint, type check and test"
	@echo "make test-slow  the tests that take minutes"
	@echo "make fuzz       2,000 damaged clips for both engines of the server: nothing crashes, stays or grows; half an hour"
	@echo "make docs       the documentation site in build/site"
	@echo "make wheel      the package as a wheel in dist/"
	@echo "make wheel-test install that wheel by itself, and ask it"
	@echo "make mutation   do the tests notice small changes to what decides? hours; ROOM=registry for one room, SAMPLE=60, AGAIN=1"
	@echo "make format     format the code"
	@echo "make reference  write docs/settings.md and docs/commands.md from the code"
	@echo "make golden     write the compiled pipeline that a test compares with"

install: $(STAMP)

# Without an NVIDIA device the CPU build of PyTorch is enough, which is a tenth of the other. TORCH_INDEX is the address
# of an index that has it, where the usual one has the CUDA build alone; README.md says more.
$(STAMP): pyproject.toml setup.py constraints.txt
	@test -w . || { echo "$(CURDIR) cannot be written to, and $(VENV) belongs there: check its permissions" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c $(RECENT) || { echo "$$($(PYTHON) --version 2>&1) is too old, 3.11 or newer is needed:" \
		"make install PYTHON=/path/to/python3.11" >&2; exit 1; }
	@# one that was made half, by an older Python or by one that is gone is made again
	@{ $(BIN)/python -c $(RECENT) && $(BIN)/python -m pip --version; } >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
		|| { $(ROOM); echo "$(VENV) could not be made: is Python's venv module here (Debian: python3.11-venv)?" >&2; exit 1; }
	@echo "installing into $(VENV): about 1.1 GB to download the first time, 3.1 GB on the disk, a few minutes"
	@test -n "$(TORCH_INDEX)" || $(NVIDIA) || echo "no NVIDIA device is here: where the package index has PyTorch's CUDA build" \
		"alone, that is 2.7 GB more to download; TORCH_INDEX=address of an index with CPU builds avoids it"
	@# torch first and by its exact version: a range would bring the CUDA packages with it
	@$(PIP) $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") torch==2.13.0 \
		|| { $(ROOM); echo "PyTorch could not be installed. Is the package index within reach, and does it have torch 2.13.0?" \
		"Another index: make install TORCH_INDEX=address" >&2; exit 1; }
	@$(PIP) --editable '.[cluster,docs,report,serve,train,test]' \
		|| { $(ROOM); echo "affekt's other packages could not be installed (PyTorch is): the lines above name the one." \
		"Once the package index has it or is within reach, make install goes on from here" >&2; exit 1; }
	@# its own dependencies serve what affekt does itself, and one of them has to be compiled: its weights alone are wanted
	@$(PIP) --no-deps resemblyzer==0.1.4 \
		|| echo "the voice encoder (resemblyzer 0.1.4) could not be installed: trainings go on without the model voice_embedding." \
		"To try again: $(BIN)/python -m pip install --no-deps resemblyzer==0.1.4" >&2
	@# of this one a file of weights is read, too: its code and what that needs are not wanted
	@$(PIP) --no-deps moonshine-voice==0.0.4 \
		|| echo "the speech encoder (moonshine-voice 0.0.4) could not be installed: trainings go on without the model speech_embedding." \
		"To try again: $(BIN)/python -m pip install --no-deps moonshine-voice==0.0.4" >&2
	@# pip compiles on one core; every core does it here
	@# what is hardly ever imported is compiled when it is
	@$(BIN)/python -c "import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers=0, \
		rx=re.compile(r'site-packages.*($(RARE))'))"
	@touch $@

demo: install
	@$(BIN)/affekt demo

test: install
	@# beside each other: the type check takes one core, and tests wait for servers a third of their time
	@$(MAKE) --no-print-directory --jobs 2 lint suite

suite: install
	@# one process more than two cores have
	@$(BIN)/python -m pytest -m "not slow" --numprocesses 3 --dist loadgroup

docs: reference
	@$(BIN)/python -m mkdocs --quiet build --strict
	@echo "build/site/index.html"

wheel:
	@rm -rf build && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .

wheel-test: install
	@$(BIN)/python -m pytest -m slow --timeout 1800 tests/package

test-slow: install
	@$(BIN)/python -m pytest -m slow --timeout 3600

fuzz: install
	@$(BIN)/python -m pytest -m slow --timeout 7200 -s tests/serving/test_fuzz.py

mutation: install
	@nice -n 15 $(BIN)/python bench/mutation.py $(addprefix --room ,$(ROOM)) $(addprefix --sample ,$(SAMPLE)) $(if $(AGAIN),--again) \
		--out docs/benchmarks

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@# as installed: three top-level folders lie below affekt
	@rm -rf $(HOUSE) && mkdir -p $(HOUSE) && cp -rs "$(CURDIR)/affekt" $(HOUSE)/affekt
	@for folder in components pipelines serving; do cp -rs "$(CURDIR)/$$folder" $(HOUSE)/affekt/$$folder; done
	@cd $(HOUSE) && "$(CURDIR)/$(BIN)/mypy" --config-file "$(CURDIR)/pyproject.toml" --cache-dir "$(CURDIR)/.mypy_cache"
	@cd $(HOUSE) && PYTHONPATH=. "$(CURDIR)/$(BIN)/lint-imports" --no-logo --no-cache "$(CURDIR)/pyproject.toml"

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
