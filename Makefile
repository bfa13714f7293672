# The few commands. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := tests/peers
VIEWER := src/wheatstone/splats/formats/_viewer.html
UI := src/wheatstone/server/ui
PAGES := $(UI)/index.html

.PHONY: help setup demo serve pages check test cover bench clean npm browser redis
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, turn examples/coffee.jpg into a splat in out/, say where it is"
	@echo "make test    set up, then check style, types and layers, then run all tests"
	@echo "make cover   the same, and which lines no test reaches"
	@echo "make serve   set up, then serve the page and the API on http://127.0.0.1:8000"
	@echo "make setup   install Wheatstone into .venv and fetch the small matte network"
	@echo "make check   style, types, layers"
	@echo "make pages   rebuild the pages, after a change in web"
	@echo "make bench   measure every figure that the README quotes"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv"; exit 2; }
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --editable .
	$(BIN)/wheatstone models pull u2netp || echo "Going on without it: outlines will be less exact."
	touch $@

demo: setup
	$(BIN)/wheatstone splat examples/coffee.jpg --output out/scene.sog --format sog,ply --poster --overwrite
	@echo
	@echo "The splat:   $(CURDIR)/out/scene.sog (small) and $(CURDIR)/out/scene.ply (lossless)."
	@$(BIN)/wheatstone convert out/scene.sog out/scene.html --overwrite && \
		echo "Turn it:     open $(CURDIR)/out/scene.html in a browser" || \
		echo "Turn it:     drop either on https://superspl.at/editor or https://playcanvas.com/viewer"
	@echo "Its poster:  $(CURDIR)/out/scene.webp"

serve: setup
	$(BIN)/wheatstone serve

# Installing builds the pages (hatch_build.py), the app last, with npm or else with Node from a wheel.
pages: $(PAGES)

$(PAGES): $(shell find web -name node_modules -prune -o -type f -print) | $(VENV)/.installed
	$(BIN)/pip install --quiet --no-deps --editable .
	@test -e $(VIEWER) -a -e $@ || \
		{ echo "The pages could not be built: $(BIN)/pip install --verbose --editable . says why."; exit 2; }

$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/pip install --quiet --group dev
	touch $@

# PyTorch is large: tests that need it are skipped where it is missing, but not in CI.
$(VENV)/.torch: $(VENV)/.developing
	$(BIN)/pip install --quiet --group torch
	touch $@

npm:
	@command -v npm >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy npm; } || \
		{ echo "npm is needed for the tests: sudo apt-get install npm"; exit 2; }

# The peer that tests compare with needs a newer Node than Debian has; npm brings it.
$(PEERS)/node_modules/.installed: $(PEERS)/package.json $(PEERS)/package-lock.json | npm
	cd $(PEERS) && npm ci --silent --no-audit --no-fund
	touch $@

web/node_modules/.installed: web/package.json web/package-lock.json | $(PAGES) npm
	cd web && npm ci --silent --no-audit --no-fund
	touch $@

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy chromium; } || \
		echo "The browser tests will be skipped: sudo apt-get install chromium"

redis:
	@command -v redis-server >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy redis-server; } || \
		echo "The tests with Redis will be skipped: sudo apt-get install redis-server"

check: $(VENV)/.developing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check $(if $(CI),$(VENV)/.torch) $(PEERS)/node_modules/.installed web/node_modules/.installed $(PAGES) browser redis
	cd web && npm run --silent check
	$(BIN)/pytest --numprocesses 2 --dist loadgroup $(COVERAGE)

# Apart from `make test`, as it takes a third longer.
cover:
	$(MAKE) test COVERAGE="--cov --cov-report term"

# What only peers need is kept beside our environment, as bench/sides.py says.
$(VENV)/peers: pyproject.toml | $(VENV)/.developing
	$(BIN)/pip install --quiet --upgrade --group bench --target $@
	touch $@

bench: $(VENV)/.developing $(VENV)/peers $(PEERS)/node_modules/.installed redis
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) $(PEERS)/node_modules web/node_modules $(VIEWER) $(UI) out dist
