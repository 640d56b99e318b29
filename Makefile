# CI runs the same targets. Everything is installed into .venv in this checkout.
.DEFAULT_GOAL := help
.PHONY: help run test test-local-cloud test-in-process test-crashes test-adversarial check check-code check-pages check-api check-template format openapi mutants
.PHONY: audit coverage hooks bench preflight bootstrap deploy undo key lock clean

PYTHON ?= python3
# `make lock UPGRADE=` keeps every locked version that is still allowed.
UPGRADE ?= --upgrade
AREA ?= rules
# `make test-adversarial SEED=random` lets DynamoDB do something else; a failure tells the seed.
SEED ?= 1
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where to: make deploy STACK=Second REGION=eu-west-1. The environment's variables of these names mean something else.
given = $(if $(filter command line,$(origin $(1))),--$(2) $($(1)))
CAIRN = ./cairn $(call given,STACK,stack) $(call given,REGION,region)
# Each function of the local cloud is a separate process, so bytecode is kept, whatever the shell's setting.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/ready ## run all of Cairn on this machine: local cloud, sandbox platforms, demo
	@python -m local.run

test: .venv/ready ## run all tests: unit, integration, crashes, template, local cloud, browser; 15 to 20 minutes on two cores
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-local-cloud test-in-process test-adversarial test-crashes

test-local-cloud: .venv/ready node_modules/.package-lock.json
	@pytest tests/e2e tests/browser

test-in-process: .venv/ready
	@pytest tests/unit tests/infrastructure tests/integration tests/upgrade

coverage: .venv/ready ## print the branch coverage of the unit, infrastructure and integration tests
	@coverage run -m pytest tests/unit tests/infrastructure tests/integration tests/upgrade && coverage report

test-crashes: .venv/ready
	@pytest tests/crash

test-adversarial: .venv/ready
	@pytest --adversarial=$(SEED) tests/integration tests/crash

check: check-code check-pages check-api check-template ## check lint, format, types, architecture, pages, OpenAPI document, template

check-code: .venv/ready
	@ruff check . && ruff format --check . && mypy && lint-imports

check-pages: node_modules/.package-lock.json
	@node_modules/.bin/biome lint --error-on-warnings && node_modules/.bin/tsc --project .

check-api: .venv/ready
	@python -m tools.openapi --check

check-template: .venv/ready
	@python -c 'from local.synth import synthesise; synthesise()' && cfn-lint

audit: .venv/ready .local/audit/ready node_modules/.package-lock.json ## look up known vulnerabilities of the dependencies, and check their licences
	@.local/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/layer.txt -r requirements/dev.txt -r requirements/uv.txt -r requirements/audit.txt -r requirements/mutants.txt
	@npm audit
	@.local/audit/bin/pip-licenses --python=$(BIN)/python --from=mixed --with-system --format=json | python -m tools.licences

# Apart from .venv, so that the audit's own tools are not among what it inspects.
.local/audit/ready: requirements/audit.txt | .venv/ready
	@uv venv --quiet --clear .local/audit
	@VIRTUAL_ENV=$(CURDIR)/.local/audit uv pip sync --quiet --require-hashes requirements/audit.txt
	@touch $@

format: .venv/ready ## fix lint and format
	@ruff check --fix . && ruff format .

openapi: .venv/ready ## generate docs/openapi.json from the API's code
	@python -m tools.openapi

mutants: .venv/ready .local/mutants/ready ## count the small changes that no test notices: AREA=rules, detection, claims, access, limits, sending
	@python -m tools.mutants $(AREA)

.local/mutants/ready: requirements/dev.txt requirements/mutants.txt | .venv/ready
	@uv venv --quiet --clear .local/mutants/venv
	@VIRTUAL_ENV=$(CURDIR)/.local/mutants/venv uv pip sync --quiet --require-hashes requirements/dev.txt requirements/mutants.txt
	@touch $@

hooks: .venv/ready ## install the pre-commit hooks
	@pre-commit install

bench: .venv/ready ## measure the performance budgets and write docs/performance.md
	@python -m bench

preflight: ## say what would make a deployment to AWS fail; changes nothing
	@$(CAIRN) preflight

bootstrap: ## prepare your AWS account and region for deployments, once
	@$(CAIRN) bootstrap

deploy: ## deploy to your AWS account
	@$(CAIRN) deploy

undo: ## delete a first deployment that failed or, once you confirm it, a whole stack
	@$(CAIRN) undo

key: ## create an API key in AWS: make key SCOPES=admin NAME=me
	@$(CAIRN) keys create --scopes $(SCOPES) --name $(NAME)

lock: .venv/ready ## lock the newest allowed versions, with hashes and without index URLs
	@uv pip compile -q pyproject.toml $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/layer.txt
	@uv pip compile -q pyproject.toml $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group dev -c requirements/layer.txt -o requirements/dev.txt
	@uv pip compile -q $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group audit -o requirements/audit.txt
	@uv pip compile -q $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group mutants -c requirements/dev.txt -o requirements/mutants.txt

# npm writes this file at the end of an installation.
node_modules/.package-lock.json: package-lock.json | .venv/ready
	@npm ci --silent

clean: ## remove everything installed or built here
	rm -rf .venv .local .coverage cdk.out node_modules

.venv/ready: requirements/uv.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cairn needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv --clear .venv || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing Cairn's tools into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
