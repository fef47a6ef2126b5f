# Every target sets up .venv first if needed; see tools/environment.py.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test lint doctor setup lock clean-venv

demo: setup
	$(BIN)/python tools/demo/run_demo.py

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

doctor:
	@$(PYTHON) tools/environment.py doctor

setup:
	@$(PYTHON) tools/environment.py setup

# Pin anew after a change of setup.cfg.
lock: setup
	$(BIN)/uv pip compile --upgrade setup.cfg --extra hosts --extra demo \
	    --extra dev --no-header --no-annotate -o requirements.txt

clean-venv:
	rm -rf .venv
