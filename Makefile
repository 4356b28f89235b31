# Crosswalk. `make` lists what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN     := bin/crosswalk
TEMPL   := go tool templ
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X crosswalk/internal/app.Version=$(VERSION)
SOURCES := $(shell find cmd internal web static migrations -name '*.go' -not -name '*_templ.go' -not -path '*/vendor/*' 2>/dev/null)
VIEWS   := $(shell find web -name '*.templ' 2>/dev/null)
ASSETS  := $(shell find static -type f -not -path 'static/vendor/*' 2>/dev/null)

# SA4023 (comparing an interface with nil) fails itself in staticcheck 0.8.2: it indexes past a function's results.
STATIC  := inherit,-SA4023

.PHONY: help run build generate test race fuzz e2e bench lint audit check clean

help: ## List the targets
	@grep -hE '^[a-z0-9]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN{FS=":.*?## "}{printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}'

run: $(BIN) ## Install what is needed, build, and start with both twins on the embedded database
	@$(BIN) serve --demo

build: $(BIN) ## Build bin/crosswalk

generate: .cache/generated .cache/vendored ## Build the views and fetch third-party page files

node_modules/.package-lock.json: package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.cache/vendored: node_modules/.package-lock.json static/vendor.mjs
	@node static/vendor.mjs
	@mkdir -p .cache && touch $@

.cache/generated: $(VIEWS) go.mod
	@$(TEMPL) generate -path web -log-level error
	@mkdir -p .cache && touch $@

$(BIN): .cache/generated .cache/vendored $(SOURCES) $(ASSETS) go.mod go.sum
	@mkdir -p bin
	@go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/crosswalk

# The thousand made-up worlds take a minute of all cores: they go first, and the second command finds them done.
test: generate ## All tests: units, properties, contracts, both databases, kill tests, browser
	@go test ./internal/simulate -timeout 20m
	@./scripts/with-tools go test ./... -timeout 20m

race: generate ## The tests under the race detector (without browser and kill tests)
	@CROSSWALK_TEST_SHORT=1 ./scripts/with-tools go test -race ./internal/... ./web/... ./static/... -timeout 30m

fuzz: generate ## Each fuzz target for FUZZTIME (20s), four at a time
	@./scripts/fuzz

e2e: $(BIN) ## The browser tests alone
	@./scripts/with-tools go test ./internal/e2e/... -count=1 -v -timeout 15m

bench: $(BIN) ## Measure, and print one table
	@go run ./cmd/crosswalk-bench

lint: generate ## Formatting, vet, staticcheck, and the import rules
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	@go vet ./...
	@go tool -modfile=scripts/checks/go.mod staticcheck -checks $(STATIC) ./...
	@go test ./internal/app -run 'TestRooms' -count=1

audit: generate ## Known holes: gosec, govulncheck
	@./scripts/audit

check: lint audit test ## All that continuous integration runs, lint and audit

clean: ## Remove what was built (never the data folder)
	@rm -rf bin .cache node_modules && find web -name '*_templ.go' -delete && find static/vendor -type f -not -name .gitkeep -delete
