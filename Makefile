# Two commands set everything up: `make grade` and `make test`. Each prepares .venv when its lock has changed.
PYTHON ?= python3
# An index that has CPU builds of torch, where the machine's own package index has none:
#   make grade TORCH_INDEX=https://...
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
LOCK := locks/$(shell $(PYTHON) -c 'import sys; print("py%d%d" % sys.version_info[:2])').txt
READY := $(VENV)/ready
OUT := out

.PHONY: grade check test slow fuzz format

$(READY): $(LOCK) pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r $(LOCK)
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $(READY)

grade: $(READY)
	@mkdir -p $(OUT)/honest $(OUT)/flawed
	@$(BIN)/autograder grade examples/honest --out $(OUT)/honest/results.json --report $(OUT)/honest/report.html
	@$(BIN)/autograder grade examples/flawed --out $(OUT)/flawed/results.json --report $(OUT)/flawed/report.html
	@echo
	@echo "Gradescope's files: $(OUT)/honest/results.json and $(OUT)/flawed/results.json"
	@echo "Open $(OUT)/flawed/report.html in a browser: each part with its verdict and evidence."

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/framework/test_house.py

test: $(READY)
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile

slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

# Draws new examples for this many seconds a generator; what it finds is written to tests/corpora/odd.json and stays a case.
FUZZ_SECONDS ?= 1800
fuzz: $(READY)
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -q -m hypothesis
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -q -k drawing_on tests/framework/grading/test_odd_replies.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
