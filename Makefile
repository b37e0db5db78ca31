# make run, make test: from a fresh clone, with Python 3.11 to 3.13 and nothing else.
.DEFAULT_GOAL := help
.PHONY: help run dev atlas test test-again test-all test-real test-js test-browser bench load audit format lint lint-js \
	typecheck clean

# The first of these Pythons that is installed; PYTHON=... chooses another.
PYTHON ?= $(firstword $(foreach name,python3.12 python3.11 python3.13 python3 python,\
	$(if $(shell $(name) -c 'import sys; print((3, 11) <= sys.version_info < (3, 14) or "")' 2>/dev/null),$(name))))
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
WORKERS ?= 2
BROWSER ?= tests/browser tests/engines
NODE := $(shell command -v node)
ESLINT := build/eslint-9.39.1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/app.installed ## start the dashboard; NETWORK=my_model.keras adds a network of yours
	$(if $(NETWORK),VGG_VIZ_NETWORKS="$(NETWORK)") VGG_VIZ_NETWORK_UPLOADS=on \
		$(BIN)/streamlit run streamlit_app.py --server.port $(PORT) --server.maxUploadSize 120

# .streamlit/config.toml is for visitors; these options are for developers.
dev: $(VENV)/app.installed ## start it for development: reload on change, show errors in full
	$(BIN)/streamlit run streamlit_app.py --server.port $(PORT) \
		--server.fileWatcherType auto --server.runOnSave true \
		--client.showErrorDetails full --client.toolbarMode developer

atlas: $(VENV)/app.installed ## compute optimized images of all channels in advance; LAYERS="block3_conv4 …"
	$(BIN)/python -m vgg_viz.atlas $(LAYERS)

test: $(VENV)/test.installed ## run the quick tests that need no browser
	$(BIN)/python -m pytest -m "not slow and not browser and not load and not real" -n $(WORKERS) --dist loadfile

test-again: $(VENV)/test.installed ## run those of the quick tests once more that failed
	$(BIN)/python -m pytest -m "not slow and not browser and not load and not real" \
		--last-failed --last-failed-no-failures none

test-all: $(VENV)/test.installed test-js ## run all tests, slow ones too, in all browsers
	$(BIN)/python -m pytest -m "not browser and not load and not real" -n $(WORKERS) --dist loadfile
	$(BIN)/python -m pytest -m browser tests/browser tests/engines
	$(BIN)/python -m pytest -m load tests/load

test-real: $(VENV)/test.installed ## compare predictions with Keras on its full file, named by VGG_VIZ_WEIGHTS
	$(BIN)/python -m pytest -m real tests/model/test_real_weights.py

test-js: ## run the JavaScript tests, where there is Node
	$(if $(NODE),$(NODE) --test tests/javascript/*.test.mjs,@echo "Tests of the JavaScript skipped: there is no Node.")

# With a cache of their own, since .ci/run runs them beside other tests and then repeats those that failed.
test-browser: $(VENV)/test.installed ## run the quick tests in Chromium, and a walk in Firefox and WebKit
	$(BIN)/python -m pytest -m "browser and not slow" -o cache_dir=build/pytest-browser $(BROWSER)

bench: $(VENV)/test.installed ## measure the speed; QUICK=1 only checks that it runs
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick)

load: $(VENV)/test.installed ## put many viewers on a server; QUICK=1 for a short run
	$(BIN)/python -m pytest -m load tests/load
	$(BIN)/python -m tests.load $(if $(QUICK),--quick)

audit: ## look for known vulnerabilities in the packages
	.ci/run audit

format: $(VENV)/test.installed ## fix the style automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(VENV)/test.installed lint-js ## check the style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-js: ## check the style of the JavaScript, where there are Node and ESLint
	$(if $(NODE),@$(check_javascript),@echo "Style of the JavaScript not checked: there is no Node.")

define check_javascript
for script in vgg_viz/ui/widgets/components/*.js; do $(NODE) --check $$script || exit 1; done; \
if test -x $(ESLINT)/node_modules/.bin/eslint || npm install --silent --no-save --no-package-lock \
  --prefix $(ESLINT) eslint@$(ESLINT:build/eslint-%=%); then \
  $(ESLINT)/node_modules/.bin/eslint --config tests/javascript/eslint.config.mjs vgg_viz tests; \
else echo "ESLint skipped: could not install it."; fi
endef

typecheck: $(VENV)/test.installed ## check the types
	$(BIN)/mypy

clean: ## remove what make has created
	rm -rf $(VENV) build

$(VENV)/app.installed: requirements.txt constraints.txt
	$(if $(PYTHON),,$(error VGG Viz needs Python 3.11, 3.12 or 3.13))
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/test.installed: requirements-test.txt $(VENV)/app.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@
