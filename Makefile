# Targets of om. "make" lists them.

PREFIX  ?= /usr/local
DESTDIR ?=
BIN     ?= bin
T       ?= 30s
GO      ?= go

TAGS     := osusergo netgo sqlite_omit_load_extension
VERSION  := $(shell ./packaging/version)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null)
# Of the commit, not of the build: the same commit gives the same bytes.
DATE     := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
LDFLAGS  := -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
GOLANGCI := v2.15.0
NFPM     := v2.45.2
CDXGOMOD := v1.10.0
SOURCES  := go.mod go.sum $(shell find . \( -name bin -o -name .git -o -name testdata \) -prune -o \( -name '*.go' -o -name '*.[ch]' -o -name '*.sql' \) -print)

bindir  := $(DESTDIR)$(PREFIX)/bin
mandir  := $(DESTDIR)$(PREFIX)/share/man
unitdir := $(DESTDIR)$(PREFIX)/lib/systemd/system
docdir  := $(DESTDIR)$(PREFIX)/share/doc/om
bashdir := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
linter  := bin/tools/golangci-lint-$(GOLANGCI)
nfpm    := bin/tools/nfpm-$(NFPM)
sbom    := bin/tools/cyclonedx-gomod-$(CDXGOMOD)

.PHONY: help build demo test race lint fmt fuzz soak bench cover man pictures install uninstall package package-test failover-test

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A static binary starts 0.4 ms sooner. Where the C library has no archive, the link is dynamic.
# om ends before it would collect garbage: the collector that Go 1.26 has by default costs it a page for each kind of object.
# A Go that has no other builds with that. SQLite made small (-Os) is as fast here, and a run takes a hundred page faults less.
build: ## builds bin/om and bin/omd
	@mkdir -p bin
	@static=; if echo 'int main(void) { return 0; }' | $$($(GO) env CC) -static -x c - -o /dev/null 2>/dev/null; then \
		static='-linkmode external -extldflags -static'; \
	else echo 'no libc.a: bin/om is linked dynamically'; fi; \
	if GOEXPERIMENT=nogreenteagc $(GO) env GOVERSION >/dev/null 2>&1; then export GOEXPERIMENT=nogreenteagc; fi; \
	export CGO_CFLAGS="$${CGO_CFLAGS--Os}"; \
	set -x; $(GO) build -trimpath -buildvcs=false -tags '$(TAGS)' -ldflags "-s -w $(LDFLAGS) $$static" -o bin/ ./cmd/om ./cmd/omd

bin/om bin/omd &: $(SOURCES)
	@$(MAKE) --no-print-directory build

demo: build ## shows what om does, in a temporary folder
	bin/om demo

test: ## runs every test, and installs what the tests need
	@./.ci/tools
	$(GO) test -tags '$(TAGS)' ./...

# Each process under the race detector would sleep for a second at its end: the tests start thousands.
race: ## runs every test under the race detector, in random order
	GORACE='atexit_sleep_ms=0' $(GO) test -tags '$(TAGS)' -race -shuffle=on -count=1 ./...

lint: $(linter) ## checks style, the import graph and the manual pages
	$(linter) run --build-tags '$(TAGS)' ./...
	@if command -v mandoc >/dev/null; then set -x; mandoc -T lint -W warning man/*.[0-9]; else echo 'no mandoc: man/ is not checked'; fi

fmt: $(linter) ## formats the code
	$(linter) fmt ./...

fuzz: ## runs each fuzz target for 30 s; T=10m for longer
	@set -e; for package in $$($(GO) list ./...); do \
		listed=$$($(GO) test -tags '$(TAGS)' -list '^Fuzz' $$package); \
		for target in $$(echo "$$listed" | grep '^Fuzz'); do \
			echo "== $$package $$target"; \
			$(GO) test -tags '$(TAGS)' -run '^$$' -fuzz "^$$target\$$" -fuzztime $(T) -fuzzminimizetime 20x $$package; \
		done; \
	done

# What fails prints its seed and a picture of what happened. As root it also fills disks, makes one read-only, and moves services
# between two nodes. HOURS= is the virtual time of a load of 2,000 tasks a minute.
soak: ## kills, crowds, fills and unplugs om for MINUTES=10, by chance or as SEED= says
	$(GO) test -tags '$(TAGS)' -count=1 -v -timeout 0 ./soak -args -seed $(or $(SEED),0) -minutes $(or $(MINUTES),10)
	$(GO) test -tags '$(TAGS)' -count=1 -v -timeout 0 -run 'TestCatchup|TestTicksAndLoop|TestExplainIsWhatTheTickDoes|TestLoad' ./engine -args -seed $(or $(SEED),0) -hours $(or $(HOURS),12) -load 2000

bench: build ## runs the benchmarks and the figures, beside their limits
	$(GO) test -tags '$(TAGS)' -run '^$$' -bench . -benchmem -benchtime 0.2s ./...

cover: ## tells which code the tests run; coverage/index.html shows it
	@mkdir -p coverage
	$(GO) test -tags '$(TAGS)' -coverpkg ./... -coverprofile coverage/profile ./...
	$(GO) tool cover -html coverage/profile -o coverage/index.html
	@$(GO) tool cover -func coverage/profile | tail -n 1

man: ## renders the manual pages in bin/man
	@mkdir -p bin/man
	@for page in man/*.[0-9]; do \
		(set -x; mandoc -T html -O man=%N.%S.html $$page >bin/man/$${page#man/}.html && mandoc -T utf8 $$page >bin/man/$${page#man/}.txt) || exit 1; \
	done

pictures: ## makes the pictures of the README anew
	$(GO) test -tags '$(TAGS)' -count=1 -run TestPictures ./cmd -update

install: $(BIN)/om $(BIN)/omd ## installs om, omd, units, alerts, manual pages and completions; honours PREFIX and DESTDIR
	install -D -m 0755 $(BIN)/om $(bindir)/om
	install -D -m 0755 $(BIN)/omd $(bindir)/omd
	mkdir -p $(unitdir) $(docdir)
	for unit in om.service om-tick.service om-tick.timer; do sed 's,@PREFIX@,$(PREFIX),g' docs/systemd/$$unit >$(unitdir)/$$unit || exit 1; done
	sed 's,@PREFIX@,$(PREFIX),g' docs/om.crontab >$(docdir)/om.crontab
	install -m 0644 docs/prometheus/om.rules.yml $(docdir)/om.rules.yml
	for page in man/*.[0-9]; do install -D -m 0644 $$page $(mandir)/man$${page##*.}/$${page#man/} || exit 1; done
	mkdir -p $(bashdir) $(zshdir) $(fishdir)
	$(BIN)/om completion bash >$(bashdir)/om
	$(BIN)/om completion zsh >$(zshdir)/_om
	$(BIN)/om completion fish >$(fishdir)/om.fish

uninstall: ## removes what install installed
	rm -f $(bindir)/om $(bindir)/omd $(unitdir)/om.service $(unitdir)/om-tick.service $(unitdir)/om-tick.timer $(docdir)/om.crontab $(docdir)/om.rules.yml
	rmdir $(docdir) 2>/dev/null || true
	rm -f $(bashdir)/om $(zshdir)/_om $(fishdir)/om.fish
	for page in man/*.[0-9]; do rm -f $(mandir)/man$${page##*.}/$${page#man/}; done

# The packager is named in both: who made the commit, where nobody says otherwise.
package: export MAINTAINER ?= $(shell git log -1 --format='%an <%ae>')
package: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct)
package: build $(nfpm) $(sbom) ## makes dist/*.deb and dist/*.rpm, and tells what is in them (SBOM)
	VERSION='$(VERSION)' MAKE='$(MAKE)' GO='$(GO)' GOTAGS='$(TAGS)' NFPM='$(nfpm)' SBOM='$(sbom)' ./packaging/build

package-test: $(nfpm) $(sbom) ## builds the packages of HEAD twice, installs, upgrades, removes and purges them in a throw-away system
	./packaging/test

failover-test: build ## tries docs/failover.md in two booted nodes; RECIPES="hand keepalived pacemaker pcs drbd patroni"
	./testdata/failover/run $(RECIPES)

# The linter at its pinned version: the one that is installed, or one built here.
$(linter):
	@mkdir -p $(@D)
	@found=$$(PATH="$$PATH:$$($(GO) env GOPATH)/bin"; command -v golangci-lint || true); \
	if [ -n "$$found" ] && "$$found" version | grep -qF 'version $(GOLANGCI:v%=%) '; then ln -sf "$$found" $@; \
	else set -x; GOBIN='$(CURDIR)/$(@D)' $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI) && mv $(@D)/golangci-lint $@; fi

# An SBOM tells the checksum of what wrote it: that is to be the same everywhere, too.
$(nfpm):
	CGO_ENABLED=0 GOBIN='$(CURDIR)/$(@D)' $(GO) install -trimpath github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM) && mv $(@D)/nfpm $@

$(sbom):
	CGO_ENABLED=0 GOBIN='$(CURDIR)/$(@D)' $(GO) install -trimpath github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CDXGOMOD) && mv $(@D)/cyclonedx-gomod $@
