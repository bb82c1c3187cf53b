# As root on Debian 12: make test, make demo.

VERSION     = $(shell git describe --always --dirty 2>/dev/null || echo development)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME   ?= 20s

# Packages whose tests run real switches in network namespaces: one package at a time, since they time what they see. Those that time
# nothing run beside each other, once the others are done.
LAB  = ./tests/lab/... ./tests/e2e/... ./tests/clients/... ./tools/demo/...
UNIT = $$(go list ./... | grep -vE '/(tests/(lab|e2e|clients)|tools/demo)(/|$$)')

.PHONY: all setup build lint test fuzz bench demo demo-down docs clean

all: build

setup:
	tools/setup

build:
	go build -ldflags "-X main.version=$(VERSION)" -o bin/ ./controller/planckd ./tools/planckctl

lint:
	@echo "lint: gofmt, go vet, staticcheck"
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt -w these: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

test: setup lint
	go test -p 2 -timeout 8m $(UNIT)
	go test -p 1 -parallel 3 -count=1 -timeout 22m -v $(LAB)

# A short run of every fuzz target; a longer one: make fuzz FUZZTIME=10m
fuzz:
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*_test.go:func | |' | sort -u | \
	while read -r package target; do \
		echo "fuzz: $$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done

bench: setup build
	go build -o bin/ ./tools/bench
	bin/bench -json bin/bench.json

demo: setup build
	go build -o bin/ ./tools/demo
	bin/demo

demo-down:
	go run ./tools/demo down

docs:
	go run ./tools/gendocs

clean:
	rm -rf bin
	go clean -testcache
