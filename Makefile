# Every target sets up what it needs. A fresh machine needs only Rust, make and a C compiler, for tests and benchmarks Python 3.11.

CARGO ?= cargo
PROGRAM = target/release/partwise
DEMO = demo-out
PYTHON ?= python3
VENV = bench/.venv

.PHONY: demo build test lint clean bench bench-kernels bench-test

## Factor a photograph and say where the pictures are.
demo: build
	$(PROGRAM) image assets/astronaut.png -k 20 -o $(DEMO)
	@echo
	@echo "The photograph beside its factorisation: $(DEMO)/comparison.png"
	@echo "Its 20 layers: $(DEMO)/components.png"
	@echo "How the fit converged: $(DEMO)/convergence.png"

## Build the program.
build:
	$(CARGO) build --release --locked -p partwise-cli

## Everything that continuous integration checks.
test: lint bench-test
	$(CARGO) test --workspace --all-features --locked
	$(CARGO) run --locked -q -p partwise --example factor

## Formatting, lints and documentation, all without warnings.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features --locked

## Measure the program against other packages: tables and plots in docs/benchmarks.md. ONLY="NAME ..." runs some
## comparisons, QUICK=1 a subset in about two minutes; both write to target/bench instead.
bench: build $(VENV)/ready
	$(VENV)/bin/python bench/run.py $(if $(QUICK),--quick) $(ONLY)

# A package to compare against that does not install here is left out, and the results say so.
$(VENV)/ready: bench/requirements.txt bench/peers.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "bench: Python 3.10 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r bench/requirements.txt
	@echo "bench: installing the packages to compare against; torch may take some gigabytes and minutes"
	while read -r peer; do \
		$(VENV)/bin/python -m pip install --quiet $$peer || echo "bench: $$peer does not install here"; \
	done < bench/peers.txt
	touch $@

## Measure the kernels against what this machine can do at most.
bench-kernels:
	$(CARGO) bench --locked -p partwise --features kernels --bench kernels

## Test the benchmark's own reading of comparisons: needs only Python.
bench-test:
	$(PYTHON) -m unittest discover -s bench
	$(PYTHON) bench/run.py --check

clean:
	$(CARGO) clean
	rm -rf $(DEMO) $(VENV)
