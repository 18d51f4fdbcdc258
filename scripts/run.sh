#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A demo: builds Siegel, makes an installation in b-demo/ that listens on 127.0.0.1 only, starts it, sends a first mail by
# SMTP with swaks and reads it back by IMAPS with curl. Ctrl-C ends it; each start begins anew. What `make run` does.
set -eu
cd "$(dirname "$0")/.."
demo=b-demo offset=${PORT_OFFSET:-10000}
host=mail.demo.test address=anna@demo.test login=kx77-anna
conf=$demo/siegel.yaml
smtp=$((25 + offset)) submission=$((587 + offset)) imaps=$((993 + offset))
server=""

fail()
{
	echo "run: $*" >&2
	[ ! -s "$demo/errors" ] || cat "$demo/errors" >&2
	exit 1
}

end()
{
	trap - EXIT INT TERM
	[ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" || true
	[ "$1" -ne 0 ] || echo "Siegel has ended."
	exit "$1"
}

# read_mail UID: one message by IMAPS; the certificate is checked.
read_mail()
{
	curl --silent --show-error --max-time 10 --cacert "$demo/keys/tls.crt" --resolve "$host:$imaps:127.0.0.1" \
		--user "$login:$password" "imaps://$host:$imaps/INBOX;UID=$1"
}

echo "== building"
[ -f b/build.ninja ] || meson setup b > /dev/null
ninja -C b

echo "== a new installation in $demo/"
rm -rf "$demo"
b/siegel init --dir "$demo" --hostname "$host" --domain demo.test --port-offset "$offset" --listen 127.0.0.1 ||
	fail "the installation cannot be made"

echo "== starting"
trap 'end 0' INT TERM
trap 'end 1' EXIT
b/siegel serve -c "$conf" > "$demo/ready" 2> "$demo/errors" &
server=$!
for _ in $(seq 100); do
	! grep -qs '^ready$' "$demo/ready" || break
	kill -0 "$server" 2>/dev/null || fail "the server ended"
	sleep 0.1
done
grep -qs '^ready$' "$demo/ready" || fail "the server does not become ready"
password=$(b/siegel account add "$login" --address "$address" --name "Anna" -c "$conf") || fail "the account cannot be added"

echo "== a mail by SMTP, with swaks"
swaks --server "127.0.0.1:$smtp" --tls --ehlo client.example.org --from sender@example.org --to "$address" \
	--header "Subject: The first mail" --body "It came by SMTP with STARTTLS and is read by IMAPS." --hide-all ||
	fail "the mail was not accepted"

echo "== the same mail by IMAPS, with curl"
for _ in $(seq 50); do
	! mail=$(read_mail 1 2>/dev/null) || break
	mail=""
	sleep 0.1
done
[ -n "$mail" ] || fail "the mail did not arrive"
printf '%s\n' "$mail"

cat <<TEXT

== Siegel runs. Try more:
   read:      curl --cacert $demo/keys/tls.crt --resolve $host:$imaps:127.0.0.1 -u '$login:$password' imaps://$host:$imaps/
   send:      swaks --server 127.0.0.1:$submission --tls --auth PLAIN --au '$login' --ap '$password' \\
                    --from $address --to $address
   with mutt: mutt -f 'imaps://$login@127.0.0.1:$imaps/'        the pass phrase is: $password
   look:      b/siegel status -c $conf
              b/siegel log tail -c $conf
              b/siegel account list -c $conf
   Ctrl-C ends it.
TEXT
wait "$server" || end 1
end 0
