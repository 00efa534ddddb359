# Two nodes with one disk: systemd's containers of this machine's files, each with a network, mounts, a boot id and a
# life of its own. What they write is in memory. Sourced by the scripts beside it, in namespaces of their own.

# layer NODE makes its files: those of this machine, om, and nothing that this machine would start.
layer() {
	local dir=$lab/$1 r=$lab/$1/root
	mkdir -p "$dir"
	mount -t tmpfs tmpfs "$dir"
	mkdir "$dir"/{upper,work,root}
	mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$r"
	mount -t tmpfs tmpfs "$r/tmp"
	rm -rf "$r"/var/log/journal/*
	rm -rf "$r"/etc/om "$r"/var/lib/om "$r"/etc/systemd/system/*.wants "$r"/srv/*
	install -D -m 0755 -t "$r/usr/bin" "$bin/om" "$bin/omd"
	for unit in om.service om-tick.service om-tick.timer; do
		sed 's,@PREFIX@,/usr,' "$docs/systemd/$unit" >"$r/etc/systemd/system/$unit"
	done
	install -m 0644 "$docs"/failover/om-active@.service "$r/etc/systemd/system/"
	install -d -m 0755 "$r/etc/om" "$r/srv/shop"
	cp -r "$docs/failover" "$r/root/"
	install -m 0644 "$docs/failover/shop.conf" "$r/etc/om/"
	tr -d - </proc/sys/kernel/random/uuid >"$r/etc/machine-id"
	echo "$1" >"$r/etc/hostname"
	printf '127.0.0.1 localhost\n10.9.0.1 n1\n10.9.0.2 n2\n' >"$r/etc/hosts"
}

# boot NODE starts it, and waits until it is up.
boot() {
	local i
	ip netns add "$1"
	ip link add "$1" type veth peer name eth0 netns "$1"
	ip link set "$1" master bridge up
	ip -n "$1" addr add "10.9.0.${1#n}/24" dev eth0
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	systemd-nspawn --quiet --directory "$lab/$1/root" --boot --register=no --keep-unit --machine="$1" --hostname="$1" \
		--network-namespace-path="/run/netns/$1" --capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE,CAP_IPC_LOCK \
		</dev/null >"$lab/$1/boot.log" 2>&1 &
	eval "nspawn_$1=$!"
	for i in $(seq 300); do
		leader=$(pgrep -P "$!" || true)
		case $([ -z "$leader" ] || nsenter -t "$leader" -a systemctl is-system-running 2>/dev/null) in
		running | degraded) break ;;
		esac
		sleep 0.2
	done
	[ "$i" != 300 ] || { cat "$lab/$1/boot.log"; fail "$1 does not boot"; }
	eval "leader_$1=$leader"
	on "$1" mknod /dev/shop b $(stat -c "0x%t 0x%T" "$disk")
}

# on NODE COMMAND...: as a person at its terminal.
on() {
	local leader="leader_$1"
	shift
	nsenter -t "${!leader}" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=dumb HOME=/root "$@"
}

# die NODE: its power is cut.
die() {
	local leader="leader_$1" nspawn="nspawn_$1"
	[ -n "${!leader:-}" ] || return 0
	kill -KILL "${!leader}" 2>/dev/null || true
	wait "${!nspawn}" 2>/dev/null || true
	eval "leader_$1="
	ip netns del "$1"
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
# holds WHAT COMMAND...: what is claimed, and the command that shows it.
holds() {
	local what=$1
	shift
	"$@" >"$lab/holds.out" 2>&1 || {
		cat "$lab/holds.out" >&2
		fail "$what: $*"
	}
	echo "  $what"
}
# await COMMAND...: succeeds as soon as the command does.
await() {
	local end=$((SECONDS + 120))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
isnt() { ! "$@"; }

# ran NODE SERVICE N: the newest run of task#0 is on that node, and there are N of them at least.
ran() { [ "$(on "$1" om "$2" history --rid 'task#0' --state complete -n 0 -o csv | grep -c ",$1,")" -ge "$3" ]; }
# running NODE SERVICE RID: a run of it is in progress there.
running() { on "$1" om "$2" history --rid "$3" --state running -o csv | grep -q ",$1,"; }
# ended NODE SERVICE RID STATE: a run of it has ended like that.
ended() { on "$1" om "$2" history --rid "$3" --state "$4" -n 0 -o csv | grep -q "$3"; }
# slots NODE: each slot of task#0 of the shop has one decision and one run at most, from the first to the last.
slots() { on "$1" om shop state export | awk -f "$here/slots.awk"; }
# decided NODE DECISION REASON: slots of task#0 of the shop were decided like that.
decided() { on "$1" om shop history --rid 'task#0' --skipped --missed -n 0 -o csv | grep ",$2," | grep -q "$3"; }

ip link set lo up
ip link add bridge type bridge
ip addr add 10.9.0.254/24 dev bridge
ip link set bridge up
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
trap 'echo "FAILED: $BASH_COMMAND" >&2' ERR
# Who leaves this leaves no node behind, and no mount of the disk.
trap 'for n in n1 n2; do die $n; done' EXIT
