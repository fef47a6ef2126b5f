# Every target sets up .venv first if needed; see tools/environment.py.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A file runs in one process, which shares its fixtures; slow files come first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 \
    --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-fast lint docs doctor setup lock clean-venv

demo: setup
	$(BIN)/python tools/demo/run_demo.py

# Everything that CI runs; tests marked gpu run where there is a GPU.
test: setup
	$(PYTEST) -m "not nightly"
	if nvidia-smi -L >/dev/null 2>&1; then $(PYTEST) -n 0 -m gpu; fi

# The laws, parity, formats and configs, without training through mim.
test-fast: setup
	$(PYTEST) -m "not slow and not distributed and not nightly"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/python tools/dev/check_language.py
	$(BIN)/mypy

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

doctor:
	@$(PYTHON) tools/environment.py doctor

setup:
	@$(PYTHON) tools/environment.py setup

# Pin all versions again after a change of setup.cfg.
lock: setup
	$(BIN)/uv pip compile --upgrade setup.cfg --extra openmmlab --extra demo \
	    --extra dev --extra docs --no-header --no-annotate -o requirements.txt
	rm -rf *.egg-info  # mim would read it in place of the package

clean-venv:
	rm -rf .venv
