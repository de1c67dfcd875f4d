# make run: install what is missing into .venv and open the app.    make test: install and run all tests.
PYTHON ?= python3
BIN := .venv/bin
BENCH ?= .work/bench

.PHONY: run test test-slow check screenshots bench bench-artefacts bench-smaller bench-starters bench-tasks clean

run: .venv/installed
	$(BIN)/python app.py

test: .venv/installed-dev check
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile $(PYTEST)

test-slow: .venv/installed-dev
	$(BIN)/python -m pytest -m slow $(PYTEST)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

.venv/installed: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q "$$(grep '^torch==' requirements.txt)"
	$(BIN)/python -m pip install -q -r requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	touch $@

screenshots: .venv/installed-dev
	$(BIN)/python -m benchmarks.screenshots

bench: .venv/installed-dev
	PYTHONPATH=. $(BIN)/python benchmarks/training.py

bench-artefacts: .venv/installed-dev
	$(BIN)/python -m benchmarks.artefacts make --home $(BENCH) --minutes 60
	$(BIN)/python -m benchmarks.artefacts time --home $(BENCH) --readme

bench-smaller: .venv/installed-dev
	$(BIN)/python -m benchmarks.smaller make --home $(BENCH) --minutes 60
	$(BIN)/python -m benchmarks.smaller time --home $(BENCH) --readme

bench-starters: .venv/installed-dev
	PYTHONPATH=. $(BIN)/python benchmarks/starters.py accuracy --rows 1000 --seeds 1

bench-tasks: .venv/installed-dev
	$(BIN)/python benchmarks/tasks.py --readme

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache
