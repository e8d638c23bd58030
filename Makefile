# Each of these works as the only command on a fresh machine with Go.
.PHONY: build demo test check lint fuzz bench vulnerabilities pictures docs release-check

GO ?= go

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o clawsetup ./cmd/clawsetup

demo:
	@CGO_ENABLED=0 $(GO) run ./cmd/clawsetup demo

# Everything: formatting, linters, unit and script tests with the race detector, and
# the end-to-end tests against real parts, which the script starts and stops.
test:
	@bash .ci/test

# What needs nothing but Go.
check:
	$(GO) vet ./... && $(GO) test ./...

lint:
	@bash .ci/lint

fuzz:
	@bash .ci/fuzz

bench:
	@bash .ci/bench

# Weaknesses that are known of what the program is made of. Asks Go's database.
vulnerabilities:
	$(GO) tool -modfile=.ci/tools/govulncheck.mod govulncheck ./...

# The pictures of the README, from a run of the demo on a terminal.
pictures:
	@mkdir -p .github/pictures
	$(GO) test ./cmd/clawsetup -run '^TestPictures$$' -count=1 -args -pictures "$(CURDIR)/.github/pictures"

# Manual pages and completions, into .generated/.
docs:
	@bash .ci/docs

# The release of the newest commit: built twice, compared, signed, installed and tried.
release-check:
	@bash .ci/release-check
