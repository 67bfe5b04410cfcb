# Everything a developer or CI runs. `make` alone explains.
.DEFAULT_GOAL := help
SHELL := /bin/bash -eu -o pipefail

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := operator indexserver tests release docs/hooks
PARALLEL := --numprocesses 2 --dist loadfile
CLUSTER_CLI := PYTHONPATH=tests $(PYTHON) -m cluster
export CLUSTER ?= local
# Images of CI and of editors often set it. Then each of the thousand Python processes of a run
# would compile all that it imports: a server would start in 1.8 s of processor time instead of 0.5.
export PYTHONDONTWRITEBYTECODE :=

$(READY): pyproject.toml requirements-dev.txt
	@echo "Setting up the Python environment in $(VENV) (about 20 seconds)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(READY) ## Make the Python environment, .venv

.PHONY: lock
lock: $(READY) ## Write all lock files from their requirements: make lock [UPGRADE=1]
	@PYTHONPATH=release $(BIN)/python -m locks $(if $(UPGRADE),--upgrade)

.PHONY: format
format: $(READY) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

.PHONY: lint
lint: $(READY) ## Format, lint, types and layers
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

.PHONY: docs
docs: $(READY) ## Build the pages under docs/ as a site, dist/site; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

.PHONY: file-map
file-map: $(READY) ## Print what each module is for
	@$(BIN)/python docs/hooks/file_map.py

.PHONY: check
check: lint ## The quick part: lint, unit and contract tests, the documents
	@$(MAKE) --no-print-directory unit

.PHONY: unit
unit: $(READY) ## Unit tests, and contract tests (documents, storages, workflows)
	$(BIN)/pytest $(PARALLEL) tests/unit tests/contract

.PHONY: coverage
coverage: $(READY) ## What the unit and contract tests run of both programs, by line and branch: dist/coverage/html
	$(BIN)/pytest $(PARALLEL) --cov --cov-report=html --cov-report=term tests/unit tests/contract

.PHONY: unit-in-image
unit-in-image: $(READY) ## The unit and contract tests on the Python of the image, in a root made from its base (root, Debian)
	@PYTHONPATH=tests $(BIN)/python -m cluster.inside make unit VENV=.venv-image PYTHON=python3

.PHONY: apiserver
apiserver: $(READY) ## The operator and the schemas on a real API server, without a cluster
	$(BIN)/pytest $(PARALLEL) tests/apiserver

.PHONY: apiserver-oldest
apiserver-oldest: $(READY) ## `apiserver` on the oldest supported Kubernetes; not part of `make test`
	KUBERNETES=oldest $(BIN)/pytest $(PARALLEL) tests/apiserver

.PHONY: chart
chart: $(READY) ## The chart and its alerts, without a cluster: helm lint, kubeconform, kube-score, checkov, promtool
	$(BIN)/pytest $(PARALLEL) tests/chart

.PHONY: chart-readme
chart-readme: $(READY) ## Rewrite the table of values in the chart's README
	$(BIN)/python docs/hooks/helm_values.py

.PHONY: integration
integration: $(READY) ## The real server and S3 with the real clients
	$(BIN)/pytest $(PARALLEL) -m "not matrix and not browser and not release" tests/integration

.PHONY: matrix
matrix: $(READY) ## The tests of `integration` with all other clients instead of pip, uv and twine; not part of `make test`
	$(BIN)/pytest $(PARALLEL) -m matrix tests/integration

.PHONY: browser
browser: $(READY) ## The pages for people, pages of other sites, and pip, in a real Chromium; not part of `make test`
	$(BIN)/pytest -m browser tests/integration

.PHONY: screens
screens: $(READY) ## Take the pictures of the pages for people again, in docs/pictures, in a real Chromium
	@PYTHONPATH=tests:indexserver:operator $(BIN)/python -m support.screens docs/pictures

.PHONY: release-tests
release-tests: $(READY) ## The image of a release, built twice, and run on amd64 and arm64; CI runs it after `make test`
	$(BIN)/pytest -m release tests/integration

.PHONY: s3-servers
s3-servers: $(READY) ## An index on eight S3 servers (needs Go, Java 17 and Maven); not part of `make test`
	$(BIN)/pytest tests/s3_servers

.PHONY: fuzz
fuzz: SECONDS := $(or $(SECONDS),60)
fuzz: $(READY) ## Feed damaged uploads and requests to what reads them: make fuzz SECONDS=60
	@PYTHONPATH=tests:indexserver $(BIN)/python -m fuzz $(SECONDS)
	@PYTHONPATH=tests:indexserver $(BIN)/python -m fuzz.requests --seconds $(SECONDS)
	@PYTHONPATH=tests:indexserver $(BIN)/python -m fuzz.readers --seconds $(SECONDS)

.PHONY: real-wheels
real-wheels: $(READY) ## Fetch 425 real wheels (1.6 GB) and check that an index accepts them: make real-wheels [FOLDER=keep/them]
	@PYTHONPATH=tests:indexserver $(BIN)/python -m support.real_wheels $(FOLDER)

.PHONY: proof
proof: $(READY) ## Long histories of an index against a model, for about 5 minutes
	$(BIN)/pytest -p support.properties --hypothesis-profile=proof tests/unit/wheelyard_server/catalog/test_histories.py

.PHONY: bench
bench: $(READY) ## Speed next to other servers: make bench [QUICK=1] [ONLY=pages,files] [SERVERS=nginx,wheelyard]
	@PYTHONPATH=tests:indexserver:operator $(BIN)/python -m bench $(if $(QUICK),--effort quick) \
	  --only "$(ONLY)" --servers "$(SERVERS)" $(if $(NO_IDLE_CHECK),--no-idle-check)
	@PYTHONPATH=tests:indexserver:operator $(BIN)/python -m bench.users
	@PYTHONPATH=tests:indexserver:operator $(BIN)/python -m bench.decisions

.PHONY: pod-templates
pod-templates: $(READY) ## Accept that a change replaces the pods of indexes: make pod-templates WHY="SENTENCE OF CHANGELOG.md"
	@PYTHONPATH=tests $(BIN)/python -m unit.wheelyard_operator.reconcile.pod_templates "$(WHY)"

.PHONY: cluster-up
cluster-up: $(READY) ## Bring up a local Kubernetes with S3 and IAM (the first time about 6 minutes)
	@$(CLUSTER_CLI) up
	@$(CLUSTER_CLI) images

.PHONY: cluster-down
cluster-down: ## Take the local cluster down; nothing is left but the build cache
	@$(CLUSTER_CLI) down

.PHONY: e2e
e2e: cluster-up ## The end-to-end tests, on a real Kubernetes
	$(BIN)/pytest --numprocesses 2 tests/e2e

.PHONY: test
test: $(READY) ## All set-up, then every suite that CI runs; logs are in dist/test
	@PYTHONPATH=tests $(BIN)/python -m suites

.PHONY: test-programs
test-programs: $(READY) ## Build all that the tests need
	@$(CLUSTER_CLI) build
	@$(CLUSTER_CLI) tools

.PHONY: chaos
chaos: cluster-up ## 4 minutes of kills and outages under load, on the local cluster; not part of `make test`
	@PYTHONPATH=tests $(BIN)/python -m chaos

.PHONY: demo
demo: cluster-up ## Watch it work: apply an index, publish packages, install them in pods
	@PYTHONPATH=tests $(BIN)/python -m demo up

.PHONY: demo-down
demo-down: $(READY) ## Remove what `make demo` made, with the local cluster
	@PYTHONPATH=tests $(BIN)/python -m demo down

REPOSITORY ?= wheelyard
.PHONY: release-artifacts
release-artifacts: $(READY) ## Build what a release has into dist/release: make release-artifacts REPOSITORY=REGISTRY/wheelyard
	@PYTHONPATH=tests:release $(BIN)/python -m artifacts build dist/release --repository $(REPOSITORY)

.PHONY: version
version: $(READY) ## Write the next version into every file that has it: make version VERSION=1.2.3
	@PYTHONPATH=tests:release $(BIN)/python -m artifacts version $(VERSION)

IMAGE ?= wheelyard:dev
BASE ?= python:3.13-slim-trixie
FOR_PLATFORM := $(if $(PLATFORM),--platform $(PLATFORM))
.PHONY: image
image: ## Build the image with docker: make image IMAGE=REPOSITORY:TAG [BASE=IMAGE@sha256:DIGEST] [PLATFORM=linux/arm64]
	rm -rf dist/image && mkdir -p dist/image/wheels && cp requirements.txt dist/image/wheels
	docker pull $(FOR_PLATFORM) $(BASE)
	base=$$(docker image inspect --format '{{index .RepoDigests 0}}' $(BASE)) && \
	docker run --rm $(FOR_PLATFORM) --volume $(CURDIR):/src:ro --volume $(CURDIR)/dist/image/wheels:/wheels "$$base" sh -c \
	  'pip download --dest /wheels --require-hashes --only-binary :all: --requirement /src/requirements.txt && \
	   pip wheel --wheel-dir /wheels --no-deps /src' && \
	docker build $(FOR_PLATFORM) --build-arg BASE="$$base" --label org.opencontainers.image.base.name="$$base" \
	  --tag $(IMAGE) --file Dockerfile dist/image

.PHONY: help
help: ## Show this
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20
