# The two commands that matter are `make site` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What the site needs is installed; what tests, checks, benchmarks and training need besides.
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
# What checks scripts, styles and Markdown.
NODE   := node_modules/.ready

# uv installs: several times as fast as pip, and it checks every hash in locks/. What pip was told of its sources, it is told too.
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

# On Linux torch comes with CUDA, several GB. TORCH=cpu takes the small build, from PyTorch's own index, which gives no hashes.
ifeq ($(TORCH),cpu)
TORCH_OPTIONS := --torch-backend cpu --no-verify-hashes
endif

BUILD_OPTIONS := $(if $(FRESH),--fresh) $(if $(WHY),--why)

export NO_MKDOCS_2_WARNING := 1
# As it was typed: make itself must not read what stands in a title.
override export TITLE := $(value TITLE)

.DEFAULT_GOAL := help
.PHONY: help site serve test lint lint-web format clean new-post benchmark campaign audit train vendor wheel lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1~\2/' | column -t -s '~'

site: $(READY) ## Build the site into site/ (FRESH=1 ignores the cache, WHY=1 explains it)
	@$(BIN)/python -m notebook_embed build $(BUILD_OPTIONS)

serve: $(READY) ## Show the site on http://127.0.0.1:8000/ and reload it on every save
	@$(BIN)/python -m notebook_embed serve

test: $(DEV) ## Run all tests, those in a real browser among them
	@$(BIN)/python -m workbench.browser
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 10 $(ARGS)

lint: $(DEV) ## Check style and types in every language (some need Node and npm)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/djlint --quiet --lint assets/theme code/notebook_embed/templates/*/*.j2
	@$(BIN)/yamllint --strict .github .pre-commit-config.yaml CITATION.cff mkdocs.yml
	@$(BIN)/shellcheck .ci/run
	@$(BIN)/zizmor --offline --quiet .github
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-web; \
	elif [ "$$CI" = true ]; then echo "Scripts, styles and Markdown need Node 20.19 or newer, with npm."; exit 1; \
	else echo "Scripts, styles and Markdown were not checked: there is no npm (Node 20.19 or newer)."; fi

lint-web: $(NODE)
	@npm run --silent lint

format: $(DEV) ## Bring the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NODE) && npm run --silent format; fi

clean: ## Remove the site and all caches; the environment stays
	rm -rf site .site.previous dist .cache .notebook-cache .pytest_cache .mypy_cache .ruff_cache .hypothesis

new-post: $(READY) ## Start a post: make new-post TITLE="Attention in colour"
	@$(BIN)/python -m blog_site.new_post

benchmark: $(DEV) ## Time builds beside mkdocs-jupyter and beside the site without embeds
	@$(BIN)/python benchmarks/builds.py

campaign: $(DEV) ## Kill builds, flip bits, edit the served site at random, fork every kernel, try odd inputs
	@$(BIN)/python benchmarks/faults.py $(ARGS)
	@$(BIN)/python benchmarks/walk.py
	@$(BIN)/python benchmarks/forks.py
	@FUZZ_TIMES=50 $(BIN)/python -m pytest -q tests/notebook_embed -k "any or path or lines or whole"
	@EVERY_LOOK=1 $(BIN)/python -m pytest -q tests/site/test_every_page.py

audit: $(DEV) ## Lighthouse and page weight over every page of site/ (needs Node and npm)
	@$(BIN)/python benchmarks/audit.py $(ARGS)

train: $(DEV) ## Do the runs of all studies; what is done is skipped (ARGS=--list lists them)
	@$(BIN)/python -m shapes_of_attention study $(ARGS)

vendor: $(READY) ## Refresh the scripts and fonts that the site ships (needs npm)
	@$(BIN)/python -m blog_site.vendor

wheel: $(READY) ## Build the generator, a package of its own, into dist/
	@$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist code/notebook_embed
	@ls dist/*.whl

lock: $(READY) ## Write locks/ from the requirements files: every version, every hash, for every platform
	@$(BIN)/python locks/make_locks.py

$(READY): locks/installer.txt locks/site.txt locks/torch.txt pyproject.toml code/notebook_embed/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' || \
	  { echo "Python 3.11.5 or newer is needed, this is $$($(PYTHON) -V 2>&1). Name another: make site PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing what the site needs into $(VENV) (once, and whenever locks/ changes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	  --require-hashes -r locks/installer.txt
	@$(UV) --no-deps --require-hashes -r locks/site.txt
	@$(UV) $(TORCH_OPTIONS) torch -c locks/torch.txt
	@$(UV) --no-deps --no-build-isolation --editable code/notebook_embed --editable .
	@touch $@

$(DEV): $(READY) locks/dev.txt
	@echo "Installing what tests, checks, benchmarks and training need ..."
	@$(UV) --no-deps --require-hashes -r locks/dev.txt
	@touch $@

$(NODE): package.json package-lock.json
	@echo "Installing package-lock.json into node_modules (once, and whenever it changes) ..."
	@npm ci --engine-strict --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
