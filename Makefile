# Every target sets up what it needs. A fresh machine needs only Rust, make and a C compiler.

CARGO ?= cargo
PROGRAM = target/release/partwise
DEMO = demo-out

.PHONY: demo build test lint doc clean

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
test: lint
	$(CARGO) test --workspace --all-features --locked
	$(CARGO) run --locked -q -p partwise --example factor

## Formatting, lints and documentation, all without warnings.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features --locked

clean:
	$(CARGO) clean
	rm -rf $(DEMO)
