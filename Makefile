# Logloom. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the program (release)
	$(CARGO) build --release -p logloom

.PHONY: setup
setup: ## Install what the build needs, by package name (Debian, Ubuntu)
	@if command -v cc >/dev/null && command -v python3 >/dev/null; then :; \
	elif command -v apt-get >/dev/null; then apt-get update -q && apt-get install -y -q gcc libc6-dev make python3; \
	else echo "install a C compiler and python3 by hand: this is neither Debian nor Ubuntu"; fi

.PHONY: test
test: setup ## Run all tests that this machine can run; says what it skips and why
	@if [ -d "$${LOGLOOM_DATA:-../shared/data}" ]; then echo "labelled logs: $${LOGLOOM_DATA:-../shared/data}"; \
	else echo "skipped: tests over labelled logs (no folder $${LOGLOOM_DATA:-../shared/data}; set LOGLOOM_DATA)"; fi
	$(CARGO) test --workspace --no-fail-fast
	$(CARGO) run -q -p logloom -- validate -f tenants

# More arguments, such as `make demo ARGS="--serve --seed 7"`.
ARGS ?=

.PHONY: demo
demo: build ## Logs of two tenants with known faults, what was found of them, and a report to look at
	target/release/logloom demo --out target/demo --figures $(ARGS)

.PHONY: lint
lint: ## Clippy over everything
	$(CARGO) clippy --workspace --tests

# Seconds per fuzz target.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS = decoders frames expressions

.PHONY: fuzz
fuzz: setup ## Fuzz decoders, frames and expressions, FUZZ_SECONDS each
	@command -v c++ >/dev/null || apt-get install -y -q g++
	@command -v cargo-fuzz >/dev/null || $(CARGO) install cargo-fuzz --version 0.13.2 --locked
	cd worker && for target in $(FUZZ_TARGETS); do \
	  RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/fuzz" $(CARGO) fuzz run --fuzz-dir fuzz --sanitizer none $$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -print_final_stats=1 2>&1 | grep -vE '^#|NEW|REDUCE|pulse|^"|dictionary' ; \
	  test $${PIPESTATUS[0]} -eq 0 || exit 1; done

.PHONY: deny
deny: ## Licences, bans and sources of all dependencies (needs cargo-deny)
	cargo deny check licenses bans sources

.PHONY: crds
crds: ## Write the generated CRDs and JSON schemas
	$(CARGO) run -q -p logloom-crds --example generate

.PHONY: score-templates
score-templates: ## Grouping accuracy of template mining on LogHub, beside Drain's
	$(CARGO) run --release -q -p logloom -- bench templates --data "$${LOGLOOM_DATA:-../shared/data}/loghub"

.PHONY: bench
bench: build ## Events per second and core of the chain, beside a bare loop, and its memory
	target/release/logloom bench chain

# The TrainTicket data, unpacked into TRAINTICKET.
TRAINTICKET ?= /tmp/trainticket
RUN_TRAINTICKET = run -f tenants/trainticket --input 'logs=$(TRAINTICKET)/**/*_log.csv' --input 'spans=$(TRAINTICKET)/**/*_trace.csv'

.PHONY: trainticket
trainticket: build ## Run the TrainTicket tenant and compare with an independent recomputation
	rm -rf target/trainticket
	target/release/logloom $(RUN_TRAINTICKET) --out target/trainticket
	python3 e2e/trainticket_reference.py $(TRAINTICKET) target/trainticket --figures target/figures/trainticket.json

.PHONY: kill-test
kill-test: build ## Kill that run 50 times at random instants; the output must be byte-identical
	python3 e2e/kill_and_compare.py --kills 50 --figures target/figures/kill-test.json -- \
	  target/release/logloom $(RUN_TRAINTICKET) --quiet --checkpoint-every-ms 200 --out '{out}'
