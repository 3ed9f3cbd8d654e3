# A thin front to Meson, which does the work. `make help` lists the targets.

# How long each fuzzer runs, for `make fuzz`, and each random attack, for `make hostile`.
SECONDS = 60

JOBS := $(shell nproc)
NINJA = ninja -j $(JOBS) -C

# What each build directory under build/ is configured with. Warnings are errors where we test, and
# not in the release build, so that a newer compiler's new warning does not stop a user.
options_release = --buildtype=release -Dtests=false
options_debug = --buildtype=debug -Dwerror=true
options_asan = --buildtype=debug -Dwerror=true -Db_sanitize=address,undefined
options_tsan = --buildtype=debug -Dwerror=true -Db_sanitize=thread
options_fuzz = --buildtype=debugoptimized -Dwerror=true -Dtests=false -Dfuzz=true -Db_lundef=false
environment_fuzz = CC=clang

# ThreadSanitizer of gcc 12 cannot place its shadow under the address space layout of newer kernels.
# Where the layout may not be fixed (in some containers), it runs as it is.
FIXED_LAYOUT = $$(setarch -R true 2>/dev/null && echo setarch -R)

# What `make lab` runs: whole, or quick.
PART = whole

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: setup-run release ## Build, and run a program in a VM: busybox sha256sum README.md
	build/release/cli/postern run --stats -- busybox sha256sum README.md

.PHONY: test
test: debug ## Build, and run all tests
	scripts/test.sh build/debug

.PHONY: debug
debug: build/debug/build.ninja ## Build in build/debug: what the tests run on
	$(NINJA) build/debug

.PHONY: release
release: build/release/build.ninja ## Build in build/release: what is installed
	$(NINJA) build/release

.PHONY: test-asan
test-asan: build/asan/build.ninja ## Run all tests of code under AddressSanitizer and UBSan
	$(NINJA) build/asan
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 scripts/test.sh build/asan --no-suite model

.PHONY: test-tsan
test-tsan: build/tsan/build.ninja ## Run the tests of concurrency under ThreadSanitizer
	$(NINJA) build/tsan
	$(FIXED_LAYOUT) scripts/test.sh build/tsan --suite tsan

.PHONY: hostile
hostile: debug ## Attack the engine ring3 with hostile guests, each random attack for SECONDS (60)
	HOSTILE_SECONDS=$(SECONDS) scripts/test.sh build/debug --timeout-multiplier 0 hostile

.PHONY: fuzz
fuzz: build/fuzz/build.ninja ## Run each fuzzer for SECONDS (60)
	$(NINJA) build/fuzz
	fuzz/run.sh build/fuzz $(SECONDS)

.PHONY: lint
lint: setup-lint debug ## Check layout, headers, man pages and scripts; clang-tidy
	scripts/lint.sh build/debug

.PHONY: lab
lab: setup-lab debug ## Run the tests of the engine kvm where a KVM works; PART=quick: some of them
	tests/lab/run.sh build/debug $(PART)

.PHONY: model
model: setup-test ## Check the model of the ring's protocol with spin
	tests/model/run.sh

.PHONY: bench
bench: release ## Measure here what Postern costs; some minutes
	build/release/cli/postern bench gate
	build/release/cli/postern bench crossing
	build/release/cli/postern bench economics
	build/release/cli/postern bench start
	build/release/cli/postern bench translation

.PHONY: install
install: release ## Install the release build, under DESTDIR if that is set
	DESTDIR="$(DESTDIR)" meson install -C build/release --no-rebuild

.PHONY: format
format: setup-lint ## Lay out the sources as .clang-format says
	scripts/format.sh

.PHONY: clean
clean: ## Remove all build directories
	rm -rf build

.PHONY: setup
setup: ## Install the Debian packages that any of these targets needs
	scripts/setup.sh build run test lint fuzz lab

# What is there already is found out without root and without the network.
.PHONY: setup-build setup-run setup-test setup-lint setup-fuzz setup-lab
setup-build:
	scripts/setup.sh build
setup-run:
	scripts/setup.sh build run
setup-test:
	scripts/setup.sh build test
setup-lint:
	scripts/setup.sh build test lint
setup-lab:
	scripts/setup.sh build test lab
setup-fuzz:
	scripts/setup.sh build fuzz

# Ninja configures again by itself when a meson.build or an option changes.
build/%/build.ninja:
	$(environment_$*) meson setup build/$* $(options_$*)

build/release/build.ninja: | setup-build
build/debug/build.ninja build/asan/build.ninja build/tsan/build.ninja: | setup-test
build/fuzz/build.ninja: | setup-fuzz
