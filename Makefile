# Logloom. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
LOGLOOM = $(TARGET)/release/logloom
# Labelled logs for scores and tests over real data; what needs them says that it is skipped where they are not.
DATA := $(or $(LOGLOOM_DATA),../shared/data)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: build
build: setup ## Build the program (release)
	$(CARGO) build --release -p logloom

.PHONY: setup
setup: ## Install what the build needs, by package name (Debian, Ubuntu)
	@if command -v cc >/dev/null && command -v python3 >/dev/null; then :; \
	elif command -v apt-get >/dev/null; then apt-get update -q && apt-get install -y -q gcc libc6-dev make python3; \
	else echo "install a C compiler and python3 by hand: this is neither Debian nor Ubuntu"; fi

# More arguments, such as `make demo ARGS="--serve --seed 7"`.
ARGS ?=

.PHONY: demo
demo: build ## Logs of two tenants with known faults, what was found of them, and a report to look at
	$(LOGLOOM) demo --out $(TARGET)/demo --figures $(ARGS)

.PHONY: test
test: setup ## Run all tests that this machine can run; says what it skips and why
	@if [ -d "$(DATA)" ]; then echo "labelled logs: $(DATA)"; \
	else echo "skipped: tests over labelled logs (no folder $(DATA); set LOGLOOM_DATA)"; fi
	$(CARGO) test --workspace --no-fail-fast
	$(CARGO) run -q -p logloom -- validate -f tenants -f manifests/catalog
	$(CARGO) run -q -p logloom -- test -f tenants -f manifests/catalog

.PHONY: lint
lint: ## Formatting, and Clippy over everything
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || rustup component add rustfmt clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --tests

# Seeds of the simulator.
SEEDS ?= 10000

.PHONY: sim
sim: setup ## Run the simulator of the position log over SEEDS seeds
	$(CARGO) run --release -q -p logloom-sim -- run --seeds $(SEEDS) --figures $(TARGET)/figures/sim.json

.PHONY: mutants
mutants: setup ## Switch off each rule of the position log in turn: the simulator must find what breaks
	$(CARGO) run --release -q -p logloom-sim -- mutants --seeds 2000 --figures $(TARGET)/figures/mutants.json

# Seconds per fuzz target.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS = decoders frames expressions

.PHONY: fuzz
fuzz: setup ## Fuzz decoders, frames and expressions, FUZZ_SECONDS each
	@command -v c++ >/dev/null || { apt-get update -q && apt-get install -y -q g++; }
	@command -v cargo-fuzz >/dev/null || $(CARGO) install cargo-fuzz --version 0.13.2 --locked
	cd worker && for target in $(FUZZ_TARGETS); do \
	  RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$(abspath $(TARGET))/fuzz" $(CARGO) fuzz run --fuzz-dir fuzz --sanitizer none $$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -print_final_stats=1 2>&1 | grep -vE '^#|NEW|REDUCE|pulse|^"|dictionary' ; \
	  test $${PIPESTATUS[0]} -eq 0 || exit 1; done

.PHONY: deny
deny: ## Licences, bans and sources of all dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install cargo-deny --version 0.20.2 --locked
	cargo deny check licenses bans sources

.PHONY: docs
docs: ## Build the book in docs/
	@command -v mdbook >/dev/null || $(CARGO) install mdbook --version 0.5.4 --locked
	mdbook build docs

.PHONY: generate
generate: ## Write what is generated from the types: CRDs, JSON schemas, the reference pages of the book
	$(CARGO) run -q -p logloom-crds --example generate

.PHONY: score-templates
score-templates: build ## Grouping accuracy of template mining on LogHub, beside Drain's
	@if [ -d "$(DATA)/loghub" ]; then $(LOGLOOM) bench templates --data "$(DATA)/loghub"; \
	else echo "skipped: no folder $(DATA)/loghub"; fi

# Lines per job of the benchmark.
LINES ?= 6000000

.PHONY: bench
bench: build ## Events per second and core of the chain, beside a bare loop, and its memory
	$(LOGLOOM) bench chain --lines $(LINES)

TRAINTICKET = $(TARGET)/trainticket
RUN_TRAINTICKET = run -f tenants/trainticket --input 'logs=$(TRAINTICKET)/data/**/*_log.csv' --input 'spans=$(TRAINTICKET)/data/**/*_trace.csv'

# Unpacks the TrainTicket data, if they are there.
.PHONY: trainticket-data
trainticket-data:
	@if [ -d $(TRAINTICKET)/data ]; then :; \
	elif [ -f "$(DATA)/nezha/trainticket-dev.tar.xz" ]; then mkdir -p $(TRAINTICKET)/unpacking && \
	  tar -xJf "$(DATA)/nezha/trainticket-dev.tar.xz" -C $(TRAINTICKET)/unpacking && mv $(TRAINTICKET)/unpacking $(TRAINTICKET)/data; \
	else echo "skipped: no $(DATA)/nezha/trainticket-dev.tar.xz"; fi

.PHONY: trainticket
trainticket: build trainticket-data ## Run the TrainTicket tenant and compare with an independent recomputation
	@if [ -d $(TRAINTICKET)/data ]; then set -e; rm -rf $(TRAINTICKET)/out; set -x; \
	  $(LOGLOOM) $(RUN_TRAINTICKET) --out $(TRAINTICKET)/out; \
	  python3 e2e/trainticket_reference.py $(TRAINTICKET)/data $(TRAINTICKET)/out --figures $(TARGET)/figures/trainticket.json; fi

# How often the run is killed.
KILLS ?= 50

.PHONY: kill-test
kill-test: build trainticket-data ## Kill that run KILLS times at random instants; the output must be byte-identical
	@if [ -d $(TRAINTICKET)/data ]; then python3 e2e/kill_and_compare.py --kills $(KILLS) --figures $(TARGET)/figures/kill-test.json -- \
	  $(LOGLOOM) $(RUN_TRAINTICKET) --quiet --checkpoint-every-ms 200 --out '{out}'; fi
