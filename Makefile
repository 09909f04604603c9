# Every target is one line of cargo, after a check that a Vulkan driver answers (it is installed where that is possible).
.PHONY: demo test check adapter-report bless lint clean adapter

demo: adapter       ## trains a small projected network on the embedded digits and prints how it stands up to distorted weights
	cargo build --release
	cargo run --release --quiet -- train models/demo/digits.toml --out runs/demo-$$(date +%Y%m%d-%H%M%S)

test: adapter       ## every test on the adapter at hand but that of barriers, for which .ci/run asks; without an adapter they fail
	cargo test --release

check: adapter      ## every shader on the adapter at hand against its f64 twin
	cargo run --release -- check

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
