# SPDX-License-Identifier: MIT OR Apache-2.0
# These commands need a Debian machine with Rust and make. They first name and install the Debian packages that are
# missing, and only then ask an ordinary user for sudo.

CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))

# A kernel with IPVS that runs as a process, the tools for its networks, and the ipvsadm to compare with.
LAB_PACKAGES := user-mode-linux busybox-static iproute2 ipvsadm
# Other programs that speak VRRP, one that reads it, and one that shows the status page.
PEERS := keepalived frr tshark chromium chromium-driver
# Rust links with cc.
LINKER := $(shell command -v cc >/dev/null 2>&1 || echo gcc libc6-dev)
INSTALL := tests/lab/install-packages.sh
CHECK := CARGO='$(CARGO)' tests/lab/check-machine.sh
# The Debian releases whose kernels must work: 12, 13 and the next one. This machine's own is the installed package.
RELEASES := bookworm trixie sid
OTHER_RELEASES := $(filter-out $(shell . /etc/os-release 2>/dev/null && echo "$$VERSION_CODENAME"),$(RELEASES))
KERNELS := $(TARGET)/kernels
say = @printf '\n== %s\n'

.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-checks bench-failover failover differential lab fuzz drains kernels peers matrix packages packages-test pages monitoring

help:
	@echo 'make demo    see what the director does, with real kernels and traffic (after building, 40 seconds)'
	@echo 'make test    every check: formatting, lints, all tests, the demonstration (about 25 minutes)'
	@echo 'make bench   the director beside ipvsadm, keepalived and HAProxy; exit status 1 where a goal is missed'
	@echo 'make bench-checks  of that only the checks: 10,000 of them, how soon a fault is found, checks each second'
	@echo 'make bench-failover  of that only two directors with one address: how soon clients are served, processor time'
	@echo 'make failover  the active of two directors loses its power under 10,000 connections (HELD=N); one is loaded with 100,000'
	@echo 'make differential  keepalived and ldirectord make the same tables as the director of the files in tests/differential (20 minutes)'
	@echo 'make lab     a shell in a network of a client, three real-server hosts and a director, all yours'
	@echo 'make kernels the kernels of other Debian releases, for the lab: LAB_KERNEL=target/kernels/sid make lab'
	@echo 'make peers   keepalived and FRR of Debian 13, for the tests: PEERS=target/peers/trixie cargo test --test kernel vrrp'
	@echo 'make matrix  the tests that need a kernel, and the demonstration, on each of these kernels'
	@echo 'make drains  1,000 random drains of real servers with clients at work, in the lab (DRAINS=N, SEED=N)'
	@echo 'make packages  a .deb and a .rpm in target/packages (VERSION=1.2.3)'
	@echo 'make packages-test  two .deb of the unoptimised programs: installed, upgraded, removed under a systemd in the lab'
	@echo 'make pages   the manual pages and the schema in docs/ again, after a change of a command line or of docs/configuration.md'
	@echo 'make monitoring  promtool checks the alert rules, their tests, and the text of /metrics'
	@echo 'make fuzz    every fuzz target for a minute (fuzz/README.md)'

demo:
	@$(CHECK) machines
	@$(INSTALL) $(LAB_PACKAGES) $(LINKER)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) build --release --workspace --bins
	@$(TARGET)/release/stories demo

# One command a line: the first that fails is the end, and names what did not run. Cargo runs all tests, also after one
# that failed.
failed = { printf '\nmake test: step %s failed; %s\n' '$(1)' '$(2)' >&2; exit 1; }

test:
	@$(CHECK) test
	@$(INSTALL) $(LAB_PACKAGES) $(PEERS) $(LINKER)
	@echo 'make test takes about 25 minutes on two cores'
	$(say) '1 of 6: formatting'
	@$(CARGO) fmt --all --check || $(call failed,1,steps 2 to 6 did not run; cargo fmt --all mends this)
	$(say) '2 of 6: lints (the first time takes minutes)'
	@$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings || $(call failed,2,steps 3 to 6 did not run)
	$(say) '3 of 6: unit, property and documentation tests, and those that need a kernel with IPVS'
	@$(CARGO) test --workspace --no-fail-fast || \
		$(call failed,3,steps 4 to 6 did not run (the programs, the torture, the demonstration))
	$(say) '4 of 6: building the programs'
	@$(CARGO) build --workspace --bins || \
		$(call failed,4,steps 5 and 6 did not run (the torture, the demonstration))
	$(say) '5 of 6: every promise is attacked at any moment; the power of the active of two directors is cut'
	@$(TARGET)/debug/stories torture --rounds 11 || $(call failed,5,step 6 did not run (the demonstration))
	@$(TARGET)/debug/stories failover || $(call failed,5,step 6 did not run (the demonstration))
	@$(TARGET)/debug/stories load || $(call failed,5,step 6 did not run (the demonstration))
	$(say) '6 of 6: the demonstration'
	@$(TARGET)/debug/stories demo --like docs/demo.txt || $(call failed,6,all others passed)
	@printf '\nmake test: all tests passed\n'

bench:
	@$(CHECK) kernel
	@$(INSTALL) $(LAB_PACKAGES) keepalived haproxy $(LINKER)
	@echo 'make bench fails where a goal is missed for which docs/testing.md says so; the figures stand above that'
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) bench --bench side_by_side

bench-checks:
	@$(CHECK) kernel
	@$(INSTALL) $(LAB_PACKAGES) keepalived haproxy $(LINKER)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) bench --bench side_by_side -- checks

bench-failover:
	@$(CHECK) kernel
	@$(INSTALL) $(LAB_PACKAGES) keepalived $(LINKER)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) bench --bench side_by_side -- failover

HELD ?= 10000
CONNECTIONS ?= 100000

failover:
	@$(CHECK) machines
	@$(INSTALL) $(LAB_PACKAGES) $(LINKER)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) build --release --workspace --bins
	@$(TARGET)/release/stories failover --held $(HELD)
	@$(TARGET)/release/stories load --connections $(CONNECTIONS)

differential:
	@$(CHECK) kernel
	@$(INSTALL) $(LAB_PACKAGES) keepalived ldirectord $(LINKER)
	@CASES=1000 $(CARGO) test --test kernel keepalived_and_the_director_make_the_same_table -- --nocapture
	@CASES=1000 LDIRECTORD=/usr/sbin/ldirectord \
		$(CARGO) test --test kernel ldirectord_and_the_director_make_the_same_table -- --nocapture

# The status of the shell is that of its last command: only a failure of the lab itself, 125, is one of make.
lab:
	@$(CHECK) machines
	@$(INSTALL) $(LAB_PACKAGES) $(LINKER)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) build --release --workspace --bins
	@$(TARGET)/release/lab machines || [ $$? -ne 125 ]

kernels:
	@$(INSTALL) patchelf debian-archive-keyring
	@tests/lab/fetch-kernels.sh $(KERNELS) $(OTHER_RELEASES)

# This machine's own release needs none.
peers:
	@$(INSTALL) debian-archive-keyring
	@tests/lab/fetch-peers.sh $(TARGET)/peers trixie

# The matrix names a kernel that could not be fetched, and runs without it.
matrix:
	@$(CHECK) machines
	@$(INSTALL) $(LAB_PACKAGES) $(PEERS) patchelf debian-archive-keyring $(LINKER)
	$(say) 'fetching the kernels'
	-@tests/lab/fetch-kernels.sh $(KERNELS) $(OTHER_RELEASES)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) build --workspace --bins
	@$(CARGO) test --no-run --test kernel --package lvs-director
	@$(CARGO) test --no-run --test kernel --test tunnel --package realserver
	@CARGO='$(CARGO)' tests/lab/matrix.sh $(TARGET)/debug $(KERNELS) $(RELEASES)

# Both are made from the same files, with the programs as they are measured.
VERSION ?= $(shell sed -n '/^\[workspace.package\]/,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)
PACKAGES := $(TARGET)/packages

packages:
	@$(INSTALL) dpkg rpm binutils $(LINKER)
	$(say) 'building (the first time takes minutes)'
	@$(CARGO) build --profile dist --package lvs-director --package realserver --package packaging --bins
	@packaging/stage.sh $(TARGET)/dist $(PACKAGES)/staged
	@packaging/rpm/build.sh $(PACKAGES)/staged $(VERSION) $(PACKAGES)
	@packaging/deb/build.sh $(PACKAGES)/staged $(VERSION) $(PACKAGES)
	@rm -r $(PACKAGES)/staged
	@ls -l $(PACKAGES)

packages-test:
	@$(CHECK) kernel
	@$(INSTALL) $(LAB_PACKAGES) dpkg binutils $(LINKER)
	@$(CARGO) build --package lvs-director --package realserver --package packaging --bins
	@for number in 1 2; do \
		packaging/stage.sh $(TARGET)/debug $(PACKAGES)/staged && strip $(PACKAGES)/staged/usr/sbin/* && \
		LEVEL=0 packaging/deb/build.sh $(PACKAGES)/staged 0.0.$$number $(PACKAGES)/$$number.deb || exit 1; \
	done
	@PACKAGES=$(PACKAGES) $(CARGO) test --test kernel a_package_is_installed -- --nocapture

pages:
	@$(CARGO) run --quiet --package packaging -- pages

# Each boot of the lab's kernel plays so many of them: one boot may not take as long as all.
DRAINS ?= 1000
SEED ?= 1
DRAINS_EACH := 200
DRAINS_EACH_ROUND := 10

drains:
	@$(CHECK) kernel
	@$(INSTALL) $(LAB_PACKAGES) $(LINKER)
	@left=$(DRAINS); seed=$(SEED); failed=; while [ $$left -gt 0 ]; do \
		now=$$(( left < $(DRAINS_EACH) ? left : $(DRAINS_EACH) )); \
		DRAINS=$$now SEED=$$seed $(CARGO) test --test kernel random_drains -- --nocapture || failed="$$failed $$seed"; \
		left=$$(( left - now )); seed=$$(( seed + $(DRAINS_EACH) / $(DRAINS_EACH_ROUND) )); \
	done; \
	[ -z "$$failed" ] || { echo "make drains: failed in the boots that began with the seeds$$failed" >&2; exit 1; }

fuzz:
	@$(INSTALL) $(LINKER) g++
	@for target in fuzz/fuzz_targets/*.rs; do fuzz/run.sh "$$(basename "$$target" .rs)" 60 || exit 1; done

# The package also starts a server. Only one program of it is needed: unpacked somewhere, it need not be installed.
PROMTOOL ?= promtool
monitoring:
	@command -v '$(PROMTOOL)' >/dev/null || { printf '%s\n' 'promtool is missing. It is in the Debian package prometheus, which also starts a server. Without that:' \
		'  apt-get download prometheus && dpkg -x prometheus_*.deb prometheus && make monitoring PROMTOOL=$$PWD/prometheus/usr/bin/promtool' >&2; exit 1; }
	$(say) 'the alert rules'
	@'$(PROMTOOL)' check rules examples/monitoring/alerts.yml
	@'$(PROMTOOL)' test rules examples/monitoring/alerts_test.yml
	$(say) 'the text of /metrics'
	@PROMTOOL='$(PROMTOOL)' $(CARGO) test --lib promtool_accepts_the_text -- --ignored
