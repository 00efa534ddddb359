#!/bin/sh
# The main job of om, on the demo service, in temporary folders. Usage: demo.sh PATH-OF-OM
set -eu
om=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/etc" "$tmp/bin"
install -m 0644 "$here"/*.conf "$tmp/etc/"
chmod 0755 "$tmp" "$tmp/etc"
ln -s "$om" "$tmp/bin/om"
export OM_CONFIG_DIR="$tmp/etc" OM_STATE_DIR="$tmp/state" PATH="$tmp/bin:$PATH"

# show COMMAND: prints it, runs it, and prints its exit code where it is not 0.
show() {
	printf '\n$ %s\n' "$*"
	rc=0
	"$@" </dev/null || rc=$?
	[ "$rc" = 0 ] || echo "(exit code $rc)"
}

# expect CODE COMMAND: show, and the demo fails where the exit code is another.
expect() {
	want=$1
	shift
	show "$@"
	[ "$rc" = "$want" ] || { echo "demo: wanted exit code $want, got $rc" >&2; exit 1; }
}

expect 0 om ls
expect 0 om testmd run --rid task#0
expect 0 om testmd run --tags purge
expect 75 om testmd run --rid task#2
expect 1 om testmd run --rid task#3
expect 0 om testmd print status
expect 0 om testmd history --skipped
expect 0 om testmd logs --rid task#0
echo
echo "That was om as $(id -un). Next: man ./man/om.1, om help, om print keywords."
