# The two commands that matter are `make site` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Plain pip takes torch's CUDA build on Linux, several GB. TORCH=cpu takes the small one instead.
ifeq ($(TORCH),cpu)
PIP_OPTIONS := --extra-index-url https://download.pytorch.org/whl/cpu
endif

BUILD_OPTIONS := $(if $(FRESH),--fresh) $(if $(WHY),--why)

export NO_MKDOCS_2_WARNING := 1
# As it was typed: make itself must not read what stands in a title.
override export TITLE := $(value TITLE)

.DEFAULT_GOAL := help
.PHONY: help site serve test lint format clean new-post benchmark campaign audit train vendor lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1~\2/' | column -t -s '~'

site: $(READY) ## Build the site into site/ (FRESH=1 ignores the cache, WHY=1 explains it)
	@$(BIN)/python -m notebook_embed build $(BUILD_OPTIONS)

serve: $(READY) ## Show the site on http://127.0.0.1:8000/ and reload it on every save
	@$(BIN)/python -m notebook_embed serve

test: $(READY) ## Run all tests, those in a real browser among them
	@$(BIN)/python -m workbench.browser
	@$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(READY) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY) ## Bring the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## Remove the site and all caches; the environment stays
	rm -rf site site.previous .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

new-post: $(READY) ## Start a post: make new-post TITLE="Attention in colour"
	@$(BIN)/python -m blog_site.new_post

benchmark: $(READY) ## Time builds beside mkdocs-jupyter and beside the site without embeds
	@$(BIN)/python benchmarks/builds.py

campaign: $(READY) ## Kill 50 builds at random moments, flip random bits; nothing may be lost
	@$(BIN)/python benchmarks/faults.py $(ARGS)

audit: $(READY) ## Lighthouse and page weight over every page of site/ (needs Node and npm)
	@$(BIN)/python benchmarks/audit.py $(ARGS)

train: $(READY) ## List and run the training grid; what is done is skipped
	@$(BIN)/python -m shapes_of_attention.train $(ARGS)

vendor: $(READY) ## Refresh the scripts and fonts that the site ships (needs npm)
	@$(BIN)/python -m blog_site.vendor

lock: $(READY) ## Write constraints.txt from what is installed now
	@$(BIN)/python -m pip freeze --exclude-editable | grep -viE '^(torch|triton|nvidia|cuda|pip|setuptools)' > constraints.txt

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, this is $$($(PYTHON) -V 2>&1). Name another: make site PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing requirements.txt into $(VENV) (once, and whenever it changes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	  $(PIP_OPTIONS) -r requirements.txt -c constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	  --no-deps --editable .
	@touch $@
