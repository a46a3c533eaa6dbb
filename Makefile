# nearfar: build, try, test.  `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

DEMO_SIZE   ?= 1500x1000
DEMO_FRAMES ?= 21
DEMO_SCENE  ?= macro

# Mesa's device-select layer wants a display; there is none on a headless machine.
export NODEVICE_SELECT := 1

NEARFAR := $(or $(CARGO_TARGET_DIR),target)/release/nearfar

.PHONY: help deps build demo test newer-libgphoto2 lint clean-demo

help: ## Lists the targets
	@echo 'make TARGET [DEMO_SIZE=$(DEMO_SIZE)] [DEMO_FRAMES=$(DEMO_FRAMES)] [DEMO_SCENE=$(DEMO_SCENE)]'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

# build.rs looks for gphoto2, and is run again after an installation.
deps: ## Installs the Debian/Ubuntu packages that are missing, and says which
	@missing=(); \
	need() { command -v "$$1" >/dev/null || missing+=("$$2"); }; \
	need cc gcc; need cmake cmake; need nasm nasm; need pkg-config pkg-config; \
	[[ -e /usr/include/stdlib.h ]] || ! command -v dpkg-query >/dev/null || missing+=(libc6-dev); \
	if command -v dpkg-query >/dev/null; then \
	  for package in mesa-vulkan-drivers libvulkan1 libgphoto2-dev libclang-dev gphoto2; do \
	    dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$$package"); \
	  done; \
	fi; \
	if (( $${#missing[@]} )); then \
	  echo "missing packages: $${missing[*]}"; \
	  if ! command -v apt-get >/dev/null; then \
	    echo "There is no apt-get here: install what these Debian packages stand for by your system's own means," >&2; \
	    echo "then run make again. (A Vulkan driver is needed for --device gpu and its tests only, gphoto2 for tests only.)" >&2; \
	    exit 1; \
	  fi; \
	  as_root=(); \
	  if (( $$(id -u) )); then \
	    command -v sudo >/dev/null || { echo "not root, and no sudo: have root run: apt-get install $${missing[*]}" >&2; exit 1; }; \
	    as_root=(sudo); \
	  fi; \
	  "$${as_root[@]}" apt-get update -qq; \
	  "$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"; \
	  echo "installed: $${missing[*]}"; \
	  touch build.rs; \
	else \
	  echo "all packages are there"; \
	fi; \
	command -v cargo >/dev/null || { echo "no cargo: install Rust 1.90 or newer (rustup.rs)" >&2; exit 1; }

build: deps ## Builds the release executable
	@cargo build --release

demo: build clean-demo ## The whole job on a simulated camera, then a rendered stack on CPU and GPU; pictures in ./demo
	@body=$$(if $(NEARFAR) devices --camera sim 2>/dev/null | grep -q 'strategy: af-point'; then echo new; else echo old; fi); \
	TIMEFORMAT='%R s elapsed, %U s of CPU time'; \
	echo; echo "== shoot on the simulated body $$body"; \
	time (set -x; $(NEARFAR) shoot -o demo/session --camera sim --sim-body $$body --sim-scene $(DEMO_SCENE) \
	  --sim-size $(DEMO_SIZE) --near 0.5,0.92 --far 0.5,0.12 -n 9); \
	set -x; \
	stack=$$($(NEARFAR) --json simulate --render demo/stack --scene $(DEMO_SCENE) --size $(DEMO_SIZE) --frames $(DEMO_FRAMES) \
	  --shift 2 --rotation 0.1 --flicker 0.02); \
	{ set +x; } 2>/dev/null; \
	end() { sed -n "s/.*\"$$1\":\"\([^\"]*\)\".*/\1/p" <<<"$$stack"; }; \
	near=$$(end near); far=$$(end far); \
	TIMEFORMAT='%R s elapsed, %U s of CPU time'; \
	for device in cpu gpu; do \
	  echo; echo "== map on $$device"; \
	  time (set -x; $(NEARFAR) --device $$device map demo/stack/shuffled --near "$$near" --far "$$far" -o demo/map-$$device); \
	done; \
	echo; echo "== plan"; \
	(set -x; $(NEARFAR) plan demo/map-cpu -n 9); \
	echo; echo "== merge"; \
	time (set -x; $(NEARFAR) merge demo/map-cpu -o demo/merged.tif --depth-map demo/depth.png); \
	(set -x; $(NEARFAR) --device gpu merge demo/map-cpu -o demo/merged.jpg); \
	echo; echo "Look at:"; \
	echo "  demo/session/plan.png     where the simulated camera was focused, beside the depth of its scan"; \
	echo "  demo/session/merged.tif   its photos in one"; \
	echo "  demo/stack/shuffled/      the photos, as out of a camera"; \
	echo "  demo/map-cpu/aif.jpg      sharp everywhere"; \
	echo "  demo/map-cpu/depth.png    depth, near dark, far bright (from the GPU: demo/map-gpu/depth.png)"; \
	echo "  demo/map-cpu/confidence.png"; \
	echo "  demo/map-cpu/plan.png     where to focus, beside the depth"; \
	echo "  demo/merged.tif           all photos in one (from the GPU, for a quick look: demo/merged.jpg)"; \
	echo "  demo/stack/truth.png      the depth as it is"

clean-demo:
	@rm -rf demo

# Most tests wait for the simulated camera: two of them keep a core busy.
test: deps newer-libgphoto2 ## Runs all tests (release profile)
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(getconf _NPROCESSORS_ONLN)))} cargo test --release

# Where it cannot be had, the script says so and the tests that need it are ignored.
newer-libgphoto2:
	@cache="$${XDG_CACHE_HOME:-$$HOME/.cache}/nearfar/libgphoto2"; \
	if [[ ! -e "$$cache" ]] && tests/newer-libgphoto2.sh >/dev/null; then touch build.rs; fi

lint: ## Checks formatting and lints
	@cargo fmt --check
	@cargo clippy --all-targets --release -- -D warnings
