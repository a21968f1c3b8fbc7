# Two commands for a newcomer: `make book` and `make test`. Each sets up what it needs in .venv/.

# scripts/make_env.py runs in any Python 3 and makes the environment with the newest supported one; PYTHON names one.
PYTHON ?=
JOBS ?= 8
BOOK ?= book
# A file of settings in presets/: make book PRESET=natural
PRESET ?=
# A mirror of PyTorch's index of CPU builds; and a build in place of the locked one: TORCH=torch==2.13.0 brings CUDA, 3 GB.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH ?=

VENV ?= .venv
BIN := $(VENV)/bin
ANY_PYTHON := $(if $(PYTHON),"$(PYTHON)",$(shell command -v python3 || command -v python3.13 || command -v python3.12 || command -v python3.11 \
  || { command -v uv > /dev/null && echo "uv run --no-project python"; }))
MAKE_ENV = $(ANY_PYTHON) scripts/make_env.py --venv "$(VENV)" --python "$(PYTHON)" --torch-index "$(TORCH_INDEX)" --torch "$(TORCH)"

.DEFAULT_GOAL := help
.PHONY: help env test-env cluster-env cluster-test-env book unlock test test-slow test-avx2 lint format lock manifest bench bench-docs showcase faults image-test load load-docs cli-docs dag docs dist clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run.stamp: requirements.lock requirements-torch.lock pyproject.toml
	@test -n '$(ANY_PYTHON)' || { echo "error: no python3 on PATH. Install Python 3.11, 3.12 or 3.13, or uv (https://docs.astral.sh/uv)."; exit 3; }
	@$(MAKE_ENV) run

$(VENV)/test.stamp: requirements-test.lock $(VENV)/run.stamp
	@$(MAKE_ENV) test

$(VENV)/cluster.stamp: requirements-cluster.lock $(VENV)/run.stamp
	@$(MAKE_ENV) cluster

$(VENV)/cluster-test.stamp: requirements-cluster-test.lock $(VENV)/test.stamp
	@$(MAKE_ENV) cluster-test

env: $(VENV)/run.stamp ## create .venv with what a build needs
test-env: $(VENV)/test.stamp ## add what the tests need
cluster-env: $(VENV)/cluster.stamp ## add what clusters need: executors, and storage in S3 (docs/CLUSTERS.md)
cluster-test-env: $(VENV)/cluster-test.stamp ## add what the slow tests of clusters need

book: env ## build results/book.wav (BOOK=name for inputs/name.txt or .md, JOBS=8, PRESET=natural for presets/natural.yaml)
	$(BIN)/snakemake --jobs $(JOBS) $(if $(PRESET),--configfile presets/$(PRESET).yaml) -- results/$(BOOK).wav

unlock: env ## after a crash or kill -9 of snakemake: let the next build go on from what is there
	$(BIN)/snakemake --unlock

lint: test-env ## ruff, snakefmt, snakemake --lint, codespell and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules training
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/mypy

test: lint ## the whole default test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --junitxml results/tests/durations.xml

test-slow: test-env ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

# Other tests: make test-avx2 TESTS="tests -m slow"
TESTS ?= -m "not slow"
test-avx2: test-env ## the tests as on a processor without AVX-512 and VNNI (Linux on a processor that can hide its features)
	cc -shared -fPIC -O1 -o $(VENV)/avx2_only.so tests/avx2_only.c
	LD_PRELOAD=$(CURDIR)/$(VENV)/avx2_only.so $(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

format: test-env ## rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules training

lock: test-env ## compile the lock files and the conda environment from pyproject.toml
	$(BIN)/python scripts/write_locks.py
	$(BIN)/python scripts/pin_env.py

manifest: env ## write models/manifest.json from the installed pocket-tts
	$(BIN)/python scripts/write_manifest.py

PROFILE ?= full
bench: env ## measure warm engines, cold starts and books into results/bench/report.html (PROFILE=quick for development)
	$(BIN)/snakemake --cores all bench --config 'bench={"profile": "$(PROFILE)"}'

bench-docs: env ## take the figures of README.md and docs/BENCHMARKS.md from results/bench/report.json
	$(BIN)/python scripts/bench_docs.py results/bench/report.json

faults: test-env ## kill, double, move and overload real builds, and print a table (an hour; FAULTS="--only names" for a part)
	PYTHONPATH=tests $(BIN)/python tests/faults.py $(FAULTS)

# Options for the build: make image-test IMAGE_BUILD="--build-arg TORCH_INDEX=URL"
IMAGE_BUILD ?=
image-test: ## build the image and try it with docker, or as root with podman (debootstrap where there is no registry)
	$(ANY_PYTHON) tests/image.py $(IMAGE_BUILD)

CHROMIUM ?= chromium
SCREENSHOT = $(CHROMIUM) --headless --no-sandbox --disable-gpu --hide-scrollbars
showcase: env ## speak docs/sample.mp3 and take pictures of two reports for README.md (needs chromium)
	mkdir -p results/sample/inputs
	head -n 8 inputs/book.txt > results/sample/inputs/sample.txt
	$(BIN)/snakemake --snakefile Snakefile --directory results/sample --jobs $(JOBS) -- results/sample.wav results/sample.m3u8
	cp results/sample/results/sample/mp3/001.mp3 docs/sample.mp3
	$(SCREENSHOT) --window-size=1100,1250 --screenshot=docs/book-report.png file://$(CURDIR)/results/sample/results/sample.report.html
	$(BIN)/python scripts/bench_docs.py --page results/bench/stored/report.html
	$(SCREENSHOT) --window-size=1200,1000 --screenshot=docs/report.png file://$(CURDIR)/results/bench/stored/report.html

load: env ## load the server with 1 to 64 clients into results/load.md (two minutes)
	$(BIN)/python tests/load.py

load-docs: env ## the same, and put the table into docs/SERVER.md
	$(BIN)/python tests/load.py --docs docs/SERVER.md

cli-docs: env ## write the reference of the commands into docs/CLI.md
	sed -i '/^<!-- made by make cli-docs -->$$/q' docs/CLI.md
	$(BIN)/python -m typer pockettts.cli utils docs --name pockettts >> docs/CLI.md

dag: env ## draw the rule graph into docs/dag.svg (needs graphviz)
	$(BIN)/snakemake --forceall results/$(BOOK).wav --rulegraph dot 2> /dev/null \
	  | sed "s/margin=0\]/margin=0.1, rankdir=LR, ranksep=0.35, nodesep=0.2]/" | dot -Tsvg > docs/dag.svg

docs: cli-docs dag ## write every generated file: config.yaml, docs/CLI.md, docs/API.md, docs/dag.svg
	$(BIN)/python scripts/write_api.py docs/API.md
	$(BIN)/python -m pockettts.config > config.yaml

dist: test-env ## wheel, source archive and example files into dist/
	rm -rf build dist
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	git archive --format=tar.gz --prefix=pockettts-book/ --output=dist/pockettts-book-source.tar.gz HEAD
	$(BIN)/python -m zipfile -c dist/pockettts-book-examples.zip config.yaml presets voices/manifest.json scripts/export_onnx.py
	rm -rf build

clean: ## remove what a build made
	find results -mindepth 1 ! -name .gitkeep -delete
