# Everything a checkout needs: Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup test check soak bench lock clean

# .venv is complete exactly when its stamp is newer than the lock.
setup: .venv/.stamp

.venv/.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Docent needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 setup") if sys.version_info < (3, 11) else None'
	@test -e .venv/.stamp || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/.stamp

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Format, lint, strict types, import contract, migration drift (tests/test_migrations.py), tests.
test: check
	$(BIN)/python -m pytest -m "not soak"

soak: setup
	$(BIN)/python -m pytest -m soak --timeout=1800

bench: setup
	$(BIN)/python -m tests.bench

# Pins and hashes every dependency (litellm once had malicious releases). No index lines in the lock.
lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
		-o requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
