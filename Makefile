# One line each; CI runs the same. Everything is installed into .venv in this checkout.
.DEFAULT_GOAL := help
.PHONY: help run test test-in-the-cloud test-here test-crashes check check-code check-pages check-api check-template format openapi
.PHONY: hooks bench deploy key lock clean

PYTHON ?= python3
# `make lock UPGRADE=` keeps every locked version that still fits.
UPGRADE ?= --upgrade
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Every function of the local cloud is a process of its own: compiled once, whatever the shell asks for.
unexport PYTHONDONTWRITEBYTECODE

help: ## what can be typed here
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/ready ## the whole of Cairn on this machine: local cloud, sandbox platforms, demo
	@python -m local.run

test: .venv/ready ## every test: unit, integration, crashes, template, local cloud, browser; eight to ten minutes on two cores
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-in-the-cloud test-here test-crashes
	@echo "Branch coverage by the unit, infrastructure and integration tests:" && coverage report

test-in-the-cloud: .venv/ready
	@pytest tests/e2e tests/browser

test-here: .venv/ready
	@coverage run -m pytest tests/unit tests/infrastructure tests/integration tests/upgrade

test-crashes: .venv/ready
	@pytest tests/crash

check: check-code check-pages check-api check-template ## lint, format, types, architecture, pages, the API's document, the template

check-code: .venv/ready
	@ruff check . && ruff format --check . && mypy && lint-imports

check-pages: node_modules/.package-lock.json
	@node_modules/.bin/biome lint --error-on-warnings && node_modules/.bin/tsc --project .

check-api: .venv/ready
	@python -m tools.openapi --check

check-template: .venv/ready
	@python -c 'from local.synth import synthesise; synthesise()' && cfn-lint

format: .venv/ready ## put the code in shape
	@ruff check --fix . && ruff format .

openapi: .venv/ready ## write docs/openapi.json from the API's code
	@python -m tools.openapi

hooks: .venv/ready ## run the quick checks before each commit, with pre-commit
	@pre-commit install

bench: .venv/ready ## measure the budgets and write docs/performance.md
	@python -m bench

deploy: .venv/ready node_modules/.package-lock.json ## deploy to the AWS account of your credentials
	@npx cdk deploy --all --no-previous-parameters && python -m operations pages publish

key: .venv/ready ## make an API key in AWS: make key SCOPES=admin NAME=me
	@python -m operations keys create --scopes $(SCOPES) --name $(NAME)

lock: .venv/ready ## lock the newest allowed versions, with hashes and without addresses
	@uv pip compile -q pyproject.toml $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/layer.txt
	@uv pip compile -q pyproject.toml $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group dev -c requirements/layer.txt -o requirements/dev.txt

# npm writes this file at the end of an installation.
node_modules/.package-lock.json: package-lock.json | .venv/ready
	@npm ci --silent

clean: ## remove everything that was installed or built here
	rm -rf .venv .local .coverage cdk.out node_modules

.venv/ready: requirements/uv.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cairn needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv --clear .venv || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing Cairn's tools into .venv, once ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
