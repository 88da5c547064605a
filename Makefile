# Every target sets up what it needs. A fresh machine needs only Rust, make, a C compiler, and for tests Python 3.11, for
# benchmarks 3.10.

CARGO ?= cargo
# What `demo` runs; with another one nothing is built for it.
PROGRAM = target/release/partwise
# Built with the tests: alone, they would have other features, for which all dependencies are built again.
EXAMPLES = target/debug/examples
# Each fails if what it shows does not come out. `rank` is a study that takes minutes, `pages` makes what the browser tests look at.
SHOWN = $(filter-out rank pages,$(notdir $(basename $(wildcard crates/*/examples/*.rs))))
DEMO = demo-out
PYTHON ?= python3
VENV = bench/.venv
PYTHON_VENV = python/.venv
PYTHON_BIN = $(PYTHON_VENV)/bin
BROWSER_TESTS = crates/partwise-report/tests/browser

.PHONY: demo build test lint deny fuzz sanitize dist mpi mpi-library clean bench bench-kernels bench-test python python-test docs browser-test wheel

## Factor a photograph and say where the pictures are.
demo: $(PROGRAM)
	$(PROGRAM) image assets/astronaut.png -k 20 -o $(DEMO)
	@echo
	@echo "The photograph beside its factorisation: $(DEMO)/comparison.png"
	@echo "Its 20 layers: $(DEMO)/components.png"
	@echo "How the fit converged: $(DEMO)/convergence.png"
	@echo "All of it on one page to play with: $(DEMO)/report.html"

## Build the program.
target/release/partwise: build
build:
	$(CARGO) build --release --locked -p partwise-cli

## Formatting, lints, documentation and all tests; continuous integration runs `demo` and `fuzz` as well.
test: lint bench-test
	$(CARGO) test --workspace --all-features --locked
	set -e; for example in $(SHOWN); do $(EXAMPLES)/$$example; done
	$(EXAMPLES)/rank 1 3 >/dev/null
	$(MAKE) python-test
	$(MAKE) docs
	$(MAKE) browser-test

## The program for mpirun, at target/release/partwise (docs/mpi.md).
mpi: mpi-library
	$(CARGO) build --release --locked -p partwise-cli --features mpi

# Every feature takes an MPI library, which is installed if that can be done.
mpi-library:
	sh crates/partwise-mpi/library.sh

## Formatting, lints and documentation, all without warnings.
lint: mpi-library
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(CARGO) clippy --locked -p partwise-cli -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features --locked
	$(PYTHON) scripts/dependencies.py

## Licences, versions that come twice, build scripts and sources of all dependencies, held to deny.toml.
deny:
	sh scripts/deny.sh

## Measure the program against other packages: tables and plots in docs/benchmarks.md. ONLY="NAME ..." runs some
## comparisons, QUICK=1 a subset in about two minutes; both write to target/bench instead. RESUME=FILE goes on with the
## results of a run that was ended.
bench: build $(VENV)/ready
	$(VENV)/bin/python bench/run.py $(if $(QUICK),--quick) $(if $(RESUME),--resume $(RESUME)) $(ONLY)

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

## Build the Python package into python/.venv.
python: $(PYTHON_VENV)/ready
	cd python && .venv/bin/maturin develop --release --locked --quiet

## Test the Python package, with scikit-learn's own tests of NMF among others.
python-test: python
	$(PYTHON_BIN)/ruff check python bench scripts docs/site
	$(PYTHON_BIN)/ruff format --check python bench scripts docs/site
	cd python && .venv/bin/mypy --strict tests/typed.py
	SCIPY_ARRAY_API=1 MPLBACKEND=agg $(PYTHON_BIN)/python -m pytest python

## Build the documentation site into target/site. The code of its pages runs meanwhile; a block that fails ends the build.
docs: python
	NO_MKDOCS_2_WARNING=1 $(PYTHON_BIN)/mkdocs build --strict --site-dir target/site
	@echo "The documentation: target/site/index.html"

## Test the report pages in headless Chromium, which is installed if that can be done. SCREENSHOTS=1 leaves pictures of
## all pages in target/pages/screenshots.
browser-test: mpi-library $(PYTHON_VENV)/ready
	$(PYTHON_BIN)/ruff check $(BROWSER_TESTS)
	$(PYTHON_BIN)/ruff format --check $(BROWSER_TESTS)
	sh $(BROWSER_TESTS)/chromium.sh
	$(CARGO) build --workspace --all-features --locked -q --example pages
	$(EXAMPLES)/pages target/pages
	$(PYTHON_BIN)/python -m pytest -q $(BROWSER_TESTS)

## Everything of a release into dist/: crates, wheel, the program as an archive and a Debian package, checksums.
dist: build wheel
	sh scripts/dist.sh

## A turn of each fuzz target of fuzz/, of 30 seconds or as many as SECONDS says; TARGETS="npz pwz" runs some. Needs a C++ compiler.
fuzz:
	sh fuzz/run.sh $(or $(SECONDS),30) $(TARGETS)

## The tests of the kernels, and of what walks over V, under AddressSanitizer, or ThreadSanitizer with SANITIZER=thread; FILTER=name runs
## others of the engine's.
sanitize:
	sh scripts/sanitize.sh $(FILTER)

## A wheel for every Linux with glibc 2.17 or newer and any Python from 3.10 on, tried in an empty environment.
wheel: $(PYTHON_VENV)/ready
	rm -rf target/wheels target/wheel-venv
	$(PYTHON_BIN)/python -m pip install --quiet ziglang==0.17.1
	$(PYTHON) scripts/licences.py partwise-python >python/THIRD-PARTY-LICENSES
	PATH=$(CURDIR)/$(PYTHON_BIN):$$PATH maturin build --release --locked --compatibility manylinux2014 --zig \
		--manifest-path python/Cargo.toml --out target/wheels
	$(PYTHON) -m venv target/wheel-venv
	target/wheel-venv/bin/python -m pip install --quiet target/wheels/*.whl
	cd target && wheel-venv/bin/python -W error -c "import numpy as np, partwise; \
		X = np.outer(np.arange(1., 9.), np.arange(1., 6.)); \
		W = partwise.NMF(1, random_state=0).fit(X).transform(X); \
		print('partwise', partwise.__version__, 'works:', W.shape)"

$(PYTHON_VENV)/ready: python/requirements.txt docs/requirements.txt python/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python: Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(PYTHON_VENV)
	$(PYTHON_BIN)/python -m pip install --quiet -c python/constraints.txt -r python/requirements.txt -r docs/requirements.txt
	touch $@

clean:
	$(CARGO) clean
	rm -rf dist $(DEMO) $(VENV) $(PYTHON_VENV) python/THIRD-PARTY-LICENSES
