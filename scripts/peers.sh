#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Unpacks the mail servers that cannot be installed beside Postfix, Exim and OpenSMTPD, into test/.peers/: nothing of the
# system is changed, and nothing is started. Tests run test/.peers/usr/sbin/{exim4,smtpd} with configurations of their own
# and LD_LIBRARY_PATH=test/.peers/usr/lib/$(gcc -print-multiarch). Exim insists on a user Debian-exim: run it where /etc/passwd
# has one (unshare --mount).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
peers=$top/test/.peers
packages="exim4-daemon-light exim4-base opensmtpd libdb5.3 libevent-2.1-7 libgnutls-dane0 libidn12 libunbound8"

if [ -f "$peers/complete" ]; then
	echo "peers: unpacked already"
	exit 0
fi
rm -rf "$peers"
mkdir -p "$peers/packages"
for package in $packages; do
	(cd "$peers/packages" && apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null)
	for file in "$peers/packages/$package"_*.deb; do
		dpkg -x "$file" "$peers"
	done
	echo "peers: $package unpacked"
done
rm -rf "$peers/packages"
for program in exim4 smtpd; do
	if LD_LIBRARY_PATH=$peers/usr/lib/$(gcc -print-multiarch) ldd "$peers/usr/sbin/$program" | grep 'not found'; then
		echo "peers: $program lacks a library" >&2
		exit 1
	fi
done
touch "$peers/complete"
