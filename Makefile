# The two commands that a newcomer needs are `make demo` and `make test`.
.DEFAULT_GOAL := help
GO       ?= go
FUZZTIME ?= 30s
# Symbols and debugging tables are left out, which makes the commands a third smaller; stack traces stay whole.
GO_LDFLAGS ?= -s -w
BENCH    ?= .
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the commands into bin/
	$(GO) build -ldflags "$(GO_LDFLAGS)" -o bin/ ./cmd/...

.PHONY: runtime
runtime: build
	bin/wasinn setup onnxruntime

.PHONY: demo
demo: build ## classify pictures in real guests with a real model
	$(GO) run ./testsuite/demo -wasinn bin/wasinn

.PHONY: test
test: runtime ## run every test; with CI set, nothing may be skipped and fuzzers run for a moment
	@if [ -n "$$CI" ]; then guests/build.sh --big >/dev/null || echo "test: the big guests are left out, since they cannot be built here"; fi
	$(GO) test ./...
	$(GO) test -tags invariants ./internal/invariants ./component/... ./testsuite/wast
	$(GO) test -race -run 'Race|Concurrent|Hammer|Shared' ./component/... ./backends/... ./graphreg/...
	@if [ -n "$$CI" ]; then $(MAKE) --no-print-directory fuzz FUZZTIME=3s guests-same; fi

.PHONY: check
check: ## the whole pre-flight: format, vet, staticcheck, generated code, tidy, cross-builds
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "check: run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) vet ./backends/gorgonia/...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./internal/archtest
	$(MAKE) --no-print-directory generate
	$(GO) mod tidy
	CGO_ENABLED=0 $(GO) build ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build ./...
	@git diff --exit-code --stat || { echo "check: generated files or go.mod differ from what is committed"; exit 1; }

.PHONY: generate
generate: ## write gen/ from the texts under wit/, and the assembly from its generators
	$(GO) run ./cmd/witgen
	$(GO) generate ./backends/gorgonia/...

QEMU ?= qemu-aarch64-static
.PHONY: arm64
arm64: ## run the tests of arm64's kernels (QEMU=qemu-aarch64-static, from Debian's qemu-user-static)
	@if ! command -v $(QEMU) >/dev/null; then \
	  echo "arm64: left out, since there is no $(QEMU) on the PATH"; \
	else \
	  export CGO_ENABLED=0 GOOS=linux GOARCH=arm64; cd backends/gorgonia/internal; set -e; \
	  $(GO) test -exec $(QEMU) ./vec ./conv ./gemm; \
	  echo "and without the dot product:"; QEMU_CPU=cortex-a53 $(GO) test -exec $(QEMU) -run Int ./gemm; \
	fi

.PHONY: bench
bench: runtime ## measure calls, instances and computes (BENCH=regexp), each beside its floor
	$(GO) run ./cmd/conform bench --filter '$(BENCH)'

.PHONY: guests
guests: ## rebuild the prebuilt guests from source (Debian on amd64; gets its own toolchain)
	guests/build.sh

.PHONY: guests-big
guests-big: ## build the guests too big to be committed, into the cache, where tests find them
	guests/build.sh --big

.PHONY: guests-same
guests-same: ## rebuild the C and Rust guests elsewhere and compare, where their toolchain can be had
	@if guests/toolchain/setup.sh >/dev/null; then guests/build.sh --check c nncli rust walk; \
	else echo "guests-same: left out, since the toolchain cannot be set up here"; fi

.PHONY: models
models: ## get the three real models that tests run, pinned and verified
	$(GO) run ./testsuite/models/fetch

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for pkg in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$pkg/*_test.go | cut -c6-); do \
	    echo "fuzz ./$$pkg $$target $(FUZZTIME)"; \
	    $(GO) test ./$$pkg -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) >build.fuzz.log 2>&1 \
	      || { grep -q 'context deadline exceeded' build.fuzz.log && ! grep -q 'Failing input' build.fuzz.log && echo "fuzz: Go's fuzzer was cut off at the end of its time, and found nothing"; } \
	      || { cat build.fuzz.log; rm -f build.fuzz.log; exit 1; }; \
	  done; \
	done; rm -f build.fuzz.log

SUITE ?= ../shared/suites/component-model/json
.PHONY: conform
conform: ## run the official component suite (SUITE=folder) and print the README's table
	@if [ -d $(SUITE) ]; then \
	  $(GO) run ./cmd/conform wast $(SUITE) --markdown --expect testsuite/wast/testdata/expected-failures.txt; \
	else echo "conform: there is no $(SUITE): make it with wasm-tools json-from-wast, or name another with SUITE="; fi

.PHONY: conform-onnx
conform-onnx: runtime ## run ONNX's own backend test cases on both engines and print the README's tables
	$(GO) run ./cmd/conform onnx --backend onnxruntime --markdown --types --expect testsuite/onnxcases/testdata/onnxruntime.txt
	$(GO) run ./cmd/conform onnx --backend gorgonia --markdown --types --expect testsuite/onnxcases/testdata/gorgonia.txt

.PHONY: clean
clean: ## remove what was built here
	rm -rf bin
