# Each of these works as the only command on a fresh machine with Go. What it needs besides
# and does not find it installs, as root on Debian, or says what it skips for want of it.
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

# Weaknesses that are known of what the program is made of, and what makes a release.
vulnerabilities:
	@bash .ci/vulnerabilities

# The pictures of the README, from a run of the demo on a terminal.
pictures:
	@mkdir -p .github/pictures
	$(GO) test ./cmd/clawsetup -run '^TestPictures$$' -count=1 -args -pictures "$(CURDIR)/.github/pictures"

# Manual pages and completions, into .generated/.
docs:
	@bash .ci/docs

# The release of the newest commit: built twice, compared, signed, installed and tried. Of
# a tag it is the one that was published: its checksums are printed.
release-check:
	@bash .ci/release-check
