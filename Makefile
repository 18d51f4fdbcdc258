# SPDX-License-Identifier: Apache-2.0
# The short names for common work. Meson does the building: meson setup b && ninja -C b.
prefix  ?= /usr
DESTDIR ?=
EACH    ?= 3600
places   = --prefix=$(prefix) --libexecdir=libexec --sysconfdir=/etc --localstatedir=/var
TARGETS ?=
STAGES  ?=

help:
	@echo 'make run         install what is needed, build, start a demo server, send and read a first mail'
	@echo 'make test        build and test everything; STAGES="unit house" for some stages only'
	@echo 'make test-long   what takes minutes: a million messages in the queue, ten thousand destinations that are silent'
	@echo 'make lint        clang-tidy and cppcheck'
	@echo 'make fuzz        fuzz each target for EACH=3600 seconds; TARGETS="smtp imap" for some only'
	@echo 'make coverage    which lines and branches the tests take: b-coverage/coverage.html'
	@echo 'make bench       the same load for Siegel and for Postfix with Dovecot, and the ratios'
	@echo 'make install     a release build under DESTDIR and prefix=/usr'
	@echo 'make uninstall   remove what install put there; configuration and mail stay'

run: deps
	scripts/run.sh

test: deps
	scripts/test.py $(STAGES)

# A million messages in the queue, and ten thousand destinations that are silent; `make test` has twenty thousand, and two.
test-long: deps build
	QUEUE_MANY=1000000 b/test/unit/unit_role_queue_many
	SILENT_MANY=10000 SIEGEL_BUILD=b PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -s -p no:cacheprovider test/integration/test_silence.py

deps:
	@scripts/deps.sh

b/build.ninja:
	meson setup b

build: b/build.ninja
	ninja -C b

lint: deps
	[ -f b-clang/build.ninja ] || CC=clang meson setup b-clang
	ninja -C b-clang
	tools/lint.sh b-clang

fuzz: deps
	[ -f b-fuzz/build.ninja ] || CC=clang meson setup b-fuzz -Dfuzzing=true
	ninja -C b-fuzz
	scripts/fuzz.py --each $(EACH) $(TARGETS)

coverage: deps
	[ -f b-coverage/build.ninja ] || meson setup b-coverage -Db_coverage=true
	ninja -C b-coverage
	meson test -C b-coverage --no-rebuild --suite unit --suite fuzz
	gcovr --root . --filter src/ --branches --html-details b-coverage/coverage.html --print-summary b-coverage

bench: deps
	bench/run.sh

b-release/build.ninja:
	meson setup b-release --buildtype=release -Dtests=false $(places)

install: b-release/build.ninja
	meson configure b-release $(places)
	ninja -C b-release
	meson install -C b-release --no-rebuild $(if $(DESTDIR),--destdir "$(abspath $(DESTDIR))")
	@scripts/links.py "$(if $(DESTDIR),$(abspath $(DESTDIR)))$(prefix)"

uninstall: b-release/build.ninja
	scripts/uninstall.py b-release "$(DESTDIR)"

.PHONY: help run test test-long deps build lint fuzz coverage bench install uninstall
