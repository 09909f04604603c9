# Every target is one line of cargo, after a check that a Vulkan driver answers (it is installed where that is possible).
.PHONY: demo test check mpi fuzz adapter-report bless lint clean adapter

demo: adapter       ## trains a small projected network on the embedded digits and prints how it stands up to distorted weights
	cargo build --release
	cargo run --release --quiet -- train models/demo/digits.toml --out runs/demo-$$(date +%Y%m%d-%H%M%S)

test: adapter       ## every test on the adapter at hand but that of barriers, for which .ci/run asks; without an adapter they fail
	cargo test --release

check: adapter      ## every shader on the adapter at hand against its f64 twin
	cargo run --release -- check

mpi:                ## the program with MPI, for `mpirun -n 4 weightproof train PRESET`, with what that needs
	@.ci/mpi.sh cargo build --release --features mpi

fuzz:               ## fuzzes the readers of files from elsewhere; TIME=SECONDS for each (300), TARGETS="NAME ..." for some
	@cargo fuzz --version >/dev/null 2>&1 || { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz" >&2; exit 1; }
	@for target in $(or $(TARGETS),$$(cargo fuzz list --fuzz-dir tests/fuzz)); do \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz $$target -- -max_total_time=$(or $(TIME),300) -timeout=10 \
			-rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 || exit; \
	done

adapter-report: adapter ## ten minutes for a report about the adapter at hand; ARGS="--python PYTHON" for a comparison with PyTorch
	cargo run --release -- adapter-report $(ARGS)

bless:              ## rewrites tests/golden/ after a change that is meant; the diff is for review
	BLESS=1 cargo test --release --test plans --test training

lint:               ## format, clippy, documentation: as continuous integration asks
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps

clean:              ## build products; runs/ stays
	cargo clean

adapter:
	@.ci/adapter.sh
