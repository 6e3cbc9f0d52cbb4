.DEFAULT_GOAL := help
# TensorFlow has builds for these versions.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach python,python3 python3.13 python3.12 python3.11,\
	$(shell $(python) -c '$(SUPPORTED)' 2>/dev/null && echo $(python))))
VENV := .venv
BIN := $(VENV)/bin
# Set up once per lock file: touching a lock reinstalls.
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
AUDIT_READY := $(VENV)/audit/.ready
DEPLOY_READY := $(VENV)/deploy/.ready
DOCS_READY := $(VENV)/docs/.ready
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --no-deps
LOCKS := build gateway serving training bench dev
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
STUBS := wattgate/forecast/v1 wattgate/tfserving/v1 wattgate/openinference/v2

.PHONY: help run demo certs test docs check-deploy hosts faults soak check format proto lock requirements compose-up compose-down compose-test train bench-grpc-vs-http bench-frameworks bench-load bench-wan bench-model-server bench-edge bench-fleet bench-logins lock-engines report sbom fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_READY) ## Start model server and gateway, print the URLs and a login (HTTPS_PORT, GRPC_PORT, MODEL_SERVER_PORT)
	@exec $(BIN)/wattgate serve

demo: $(DEV_READY) ## Forecast the sample file with both models over HTTPS and gRPC, plot it, stop
	@$(BIN)/python -m services.local.demo

certs: $(RUN_READY) ## Make or renew certificates between gateways and model servers (OUT=var/certs)
	@$(BIN)/wattgate certs $(if $(OUT),--out $(OUT))

# WITHOUT="benchmarks deploy" leaves out those folders or files of tests.
LEFT_OUT = $(addprefix --ignore=tests/,$(WITHOUT))
test: $(DEV_READY) $(AUDIT_READY) $(DOCS_READY) $(if $(filter deploy,$(WITHOUT)),,$(DEPLOY_READY)) ## Run all tests that need no container engine
	$(BIN)/python -m pytest $(LEFT_OUT) -m "not alone and not containers and not hosts" --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest $(LEFT_OUT) -m alone

docs: $(DEV_READY) $(DOCS_READY) ## Build the documentation, and fail at any warning: build/site/index.html
	@$(BIN)/python -m docs.reference build/reference
	@NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build

check-deploy: $(DEPLOY_READY) ## Check all that is in deploy/, without an engine, a cluster or an account
	$(BIN)/python -m pytest tests/deploy

compose-up: ## Start the system in containers, say what to type next (OVERLAYS="embedded scale observe", HOSTS=names)
	@HOSTS="$(HOSTS)" deploy/compose/up.sh $(OVERLAYS)

compose-down: ## Stop it; users and secrets stay
	@cd / && docker compose --project-name $(or $(COMPOSE_PROJECT_NAME),wattgate) down

compose-test: $(DEV_READY) ## Build the images, run the system in containers, test it from outside
	$(BIN)/python -m pytest -m containers tests/compose

fuzz: $(AUDIT_READY) ## Send 1,000 made-up requests to each operation of both edges (FUZZ_EXAMPLES=1000)
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),1000) $(BIN)/python -m pytest tests/audit/test_api_fuzz.py

hosts: $(DEV_READY) ## Two gateways and three model servers on hosts of their own, cut off and brought back
	$(BIN)/python -m pytest -m hosts tests/integration/hosts

faults: $(DEV_READY) ## Break networks and model servers under load, at length: build/faults.json
	@rm -f build/faults.json
	FAULTS_LONG=1 $(BIN)/python -m pytest tests/integration/faults --deselect tests/integration/faults/test_soak.py

soak: $(DEV_READY) ## Ten minutes of mixed load: memory, handles and threads stay as they are (SECONDS=600)
	SOAK_S=$(or $(SECONDS),600) $(BIN)/python -m pytest tests/integration/faults/test_soak.py

check: $(DEV_READY) ## Format, lint, types, import rules, stub drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory proto STUBS_IN=build/stubs
	@for d in $(STUBS); do diff -r --exclude=__pycache__ $$d build/stubs/$$d \
		|| { echo "stubs drifted from proto/: run make proto"; exit 1; }; done

format: $(DEV_READY) ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

STUBS_IN ?= .
# google/rpc comes with googleapis-common-protos.
PROTOC = PATH=$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -I proto -I $(wildcard $(VENV)/lib/python3*/site-packages)
proto: $(DEV_READY) ## Generate the stubs from proto/
	@mkdir -p $(addprefix $(STUBS_IN)/,$(STUBS))
	@$(PROTOC) --python_out=$(STUBS_IN) --mypy_out=quiet:$(STUBS_IN) $$(find proto -name '*.proto')
	@$(PROTOC) --grpc_python_out=$(STUBS_IN) --mypy_grpc_out=quiet:$(STUBS_IN) $$(find proto -name '*_service.proto')
	@for d in $(STUBS); do touch $(STUBS_IN)/$$d/__init__.py; done

requirements: $(DEV_READY) ## Tell which tests show which of the thesis' requirements: docs/requirements.md
	@$(BIN)/python -m tests.requirements

train: $(DEV_READY) ## Train, evaluate and export both models (DATA=file.csv TZ=zone OUT=folder)
	@$(BIN)/python -m pipelines.training $(if $(DATA),--data $(DATA)) $(if $(TZ),--time-zone $(TZ)) $(if $(OUT),--out $(OUT))

bench-grpc-vs-http: $(DEV_READY) ## Time one model over gRPC and HTTP/JSON (Table 6.2; N=100 TARGET=host:port REST_TARGET=host:port)
	@$(BIN)/python -m tests.benchmarks.grpc_vs_http $(if $(N),--n $(N)) \
		$(if $(TARGET),--target $(TARGET)) $(if $(REST_TARGET),--rest-target $(REST_TARGET))

bench-model-server: $(DEV_READY) ## Time the model server against the model itself and other engines (N=1000 ENGINES=names)
	@$(BIN)/python -m tests.benchmarks.model_server $(if $(N),--n $(N)) $(if $(ENGINES),--engines $(ENGINES))

# A gateway that runs already. Its token is in WATTGATE_TOKEN: others see the arguments of a process.
DEPLOYMENT = $(if $(TARGET),--target $(TARGET)) $(if $(GRPC_TARGET),--grpc-target $(GRPC_TARGET)) $(if $(CA_FILE),--ca-file $(CA_FILE))

bench-frameworks: $(DEV_READY) ## Time the thesis' designs and today's field, model and all (Table 6.1; N=100 ENGINES=names STOCK=host:port)
	@$(BIN)/python -m tests.benchmarks.frameworks $(if $(N),--n $(N)) \
		$(if $(ENGINES),--engines $(ENGINES)) $(if $(STOCK),--stock $(STOCK))

bench-load: $(DEV_READY) ## Offer both edges and the model server more and more, and too much (SECONDS=5; TARGET=https://host CA_FILE=)
	@$(BIN)/python -m tests.benchmarks.load $(if $(SECONDS),--seconds $(SECONDS)) $(DEPLOYMENT)

bench-wan: $(DEV_READY) ## Call from far away, over connections kept and new (Table 6.3; N=100; TARGET=https://host CA_FILE=)
	@$(BIN)/python -m tests.benchmarks.wan $(if $(N),--n $(N)) $(DEPLOYMENT)

report: $(DEV_READY) ## Write docs/evaluation.md of what the benchmarks found when each was run last
	@$(BIN)/python -m tests.benchmarks.evaluation

bench-fleet: $(DEV_READY) ## Time 10,000 meters in one stream, a call each, and the model server alone (N=10000)
	@$(BIN)/python -m tests.benchmarks.fleet $(if $(N),--n $(N))

bench-logins: $(DEV_READY) ## Time refused logins of every kind, and others while many log in (N=300 LOGINS=150)
	@$(BIN)/python -m tests.benchmarks.logins $(if $(N),--n $(N)) $(if $(LOGINS),--logins $(LOGINS))

bench-edge: $(DEV_READY) ## Time the gateway against the model server behind it, and say where the time goes (N=500)
	@$(BIN)/python -m tests.benchmarks.edge $(if $(N),--n $(N))

ENGINE_LOCKS := $(patsubst %.in,%.txt,requirements/bentoml.in requirements/triton.in $(wildcard tests/benchmarks/engines/*/*.in))
lock-engines: $(DEV_READY) ## Pin what the other engines need anew, with hashes
	$(foreach lock,$(ENGINE_LOCKS),$(patsubst pyproject.toml,$(lock:.txt=.in),$(LOCK)) -o $(lock) &&) true

lock: $(DEV_READY) ## Pin every dependency anew, with hashes
	$(LOCK) $(addprefix --extra ,$(LOCKS)) -o requirements/dev.txt
	$(foreach tools,audit deploy docs,$(patsubst pyproject.toml,requirements/$(tools).in,$(LOCK)) -o requirements/$(tools).txt &&) true
	for extra in $(filter-out dev,$(LOCKS)); do $(LOCK) --extra $$extra -c requirements/dev.txt -o requirements/$$extra.txt; done

sbom: $(AUDIT_READY) ## Tell what each process is made of, as CycloneDX documents: build/sbom/
	@mkdir -p build/sbom
	$(foreach process,gateway serving,$(VENV)/audit/bin/cyclonedx-py requirements requirements/$(process).txt \
		--of JSON --sv 1.6 -o build/sbom/$(process).cdx.json &&) true

clean: ## Remove what was built, and the virtual environment; keep var/
	rm -rf build $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' 2>/dev/null \
		|| { echo "Wattgate needs Python 3.11, 3.12 or 3.13; name one with PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

$(RUN_READY): $(BIN)/python requirements/build.txt requirements/gateway.txt requirements/serving.txt pyproject.toml
	@echo "Installing what the two services need (1.6 GB, once)"
	@$(INSTALL) --require-hashes -r requirements/build.txt -r requirements/gateway.txt -r requirements/serving.txt
	@$(INSTALL) --quiet --no-build-isolation --editable .
	@touch $@

$(DEV_READY): $(BIN)/python requirements/dev.txt pyproject.toml
	@echo "Installing what tests and training need (1.9 GB, once)"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --quiet --no-build-isolation --editable .
	@touch $@

$(AUDIT_READY) $(DEPLOY_READY) $(DOCS_READY): $(VENV)/%/.ready: requirements/%.txt | $(DEV_READY)
	@echo "Installing the tools of $< (0.5 GB at most, once)"
	@$(BIN)/python -m venv --clear $(VENV)/$*
	@$(BIN)/python -m pip --python $(VENV)/$*/bin/python install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r $<
	@touch $@
