#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what Siegel needs on Debian 12 to be built, run and tested. Asks nothing, starts no service, and does
# nothing at all when everything is there. Works as root or through sudo.
set -eu

compilers="gcc libc6-dev clang llvm libclang-rt-14-dev make meson ninja-build pkg-config git python3"
libraries="libssl-dev libsqlite3-dev libzstd-dev libargon2-dev libyaml-dev libseccomp-dev libcmocka-dev libunbound-dev libidn2-dev
	dns-root-data"
test_tools="python3-pytest python3-yaml gcovr gdb strace procps util-linux iproute2 systemd logrotate ca-certificates"
house_tools="universal-ctags clang-tidy clang-format cppcheck codespell shellcheck groff mandoc bash-completion"
peers="postfix dovecot-core dovecot-imapd dovecot-lmtpd curl openssl isync mutt swaks fetchmail libnet-ssleay-perl haproxy bsd-mailx nsd ldnsutils"

# Programs that Debian would start at the end of their installation and at each boot; the tests start them privately.
services="postfix dovecot exim4 fetchmail haproxy nsd"

packages="$compilers $libraries $test_tools $house_tools $peers"

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=""
for package in $packages; do
	is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "deps: everything is installed"
	exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "deps: run this as root, or install sudo; missing:$missing" >&2; exit 1; }
	as_root=sudo
fi

echo "deps: installing$missing"
new_services=""
for service in $services; do
	is_installed "$service" || is_installed "$service-core" || new_services="$new_services $service"
done

# Debian asks this program before it starts a service; 101 means "do not".
policy=/usr/sbin/policy-rc.d
saved=""
if [ -e "$policy" ]; then
	saved=$policy.before-siegel
	$as_root mv "$policy" "$saved"
fi
restore_policy()
{
	$as_root rm -f "$policy"
	[ -z "$saved" ] || $as_root mv "$saved" "$policy"
}
trap restore_policy EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
$as_root chmod 755 "$policy"

echo "postfix postfix/main_mailer_type select No configuration" | $as_root debconf-set-selections
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y --no-install-recommends install $missing

for service in $new_services; do
	if is_installed "$service" || is_installed "$service-core"; then
		echo "deps: $service will not start at boot"
		$as_root systemctl disable "$service" >/dev/null 2>&1 || true
	fi
done
for package in $missing; do
	is_installed "$package" || { echo "deps: $package is still not installed" >&2; exit 1; }
done
echo "deps: done"
