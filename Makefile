# Every target sets up .venv first if needed; see tools/environment.py.
# The Python of .venv, or the first one that runs: pyenv has commands that do not.
PYTHON ?= $(shell for p in \
    "$$(sed -n 's/^executable = //p' .venv/pyvenv.cfg 2>/dev/null)" \
    python3.11 python3.12 python3.13 python3; do \
    "$$p" -c '' 2>/dev/null && { command -v "$$p"; break; }; done)
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
	$(BIN)/hadolint docker/Dockerfile

docs: setup
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

doctor:
	@"$(PYTHON)" tools/environment.py doctor

setup:
	@"$(PYTHON)" tools/environment.py setup

# Pin all versions again after a change of setup.cfg.
lock: setup
	$(BIN)/uv pip compile --upgrade setup.cfg --extra openmmlab --extra demo \
	    --extra export --extra dev --extra docs --no-header --no-annotate -o requirements.txt
	rm -rf *.egg-info  # mim would read it in place of the package

clean-venv:
	rm -rf .venv
