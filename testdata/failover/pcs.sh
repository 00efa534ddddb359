# The cluster of pacemaker.sh, made by the commands for pcs of docs/failover.md, with fencing: the lab cuts the power of a node
# when a node asks for that. Then om-active by the agent Dummy, as without systemd.

settled() { on "$1" crm_mon -1 | grep -q "$3.*Started $2"; }
online() { on n1 crm_mon -1 | grep -q 'Online: \[ n1 n2 \]'; }

# fencer cuts the power of the nodes that the nodes name.
fencer() {
	local n action target leader
	while sleep 0.1; do
		for n in n1 n2; do
			[ -e "$lab/$n/root/root/fence/request" ] || continue
			read -r action target <"$lab/$n/root/root/fence/request"
			rm "$lab/$n/root/root/fence/request"
			leader="leader_$target"
			kill -KILL "${!leader}" || true
			echo "$action $target" >>"$lab/fenced"
			touch "$lab/$n/root/root/fence/done"
		done
	done
}
fenced() { grep -q " $1$" "$lab/fenced"; }

# hang NODE stops all its processes where they are.
hang() {
	local leader="leader_$1" p
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/ns/pid")" != "$(readlink "/proc/${!leader}/ns/pid")" ] || kill -STOP "${p#/proc/}" 2>/dev/null || true
	done
}

for n in n1 n2; do
	layer $n
	cp "$docs/failover/corosync.conf" "$lab/$n/root/etc/corosync/"
	install -m 0755 "$here/fence_lab" "$lab/$n/root/usr/sbin/fence_lab"
	mkdir "$lab/$n/root/root/fence"
	boot $n
	on $n systemctl start om corosync pacemaker
done
fencer &
fencer=$!
trap 'kill $fencer; for n in n1 n2; do die $n; done' EXIT
on n1 mount /dev/shop /srv/shop
on n1 om shop state init
on n1 umount /srv/shop
holds "the cluster has two nodes" await online
holds "pcs stonith create: a fence device" on n1 pcs stonith create lab fence_lab pcmk_host_list="n1 n2" op monitor interval=10m
# commands FROM TO: those of docs/failover.md, by their numbers.
commands() { sed -n 's/^    \(pcs resource .*\)/\1/p' "$docs/failover.md" | sed -n "$1,$2p"; }
holds "the commands for pcs of docs/failover.md" on n1 sh -euc "$(commands 1 4)"
holds "the group is started on a node" await on n1 sh -c 'crm_mon -1 | grep -q "shop-om.*Started"'
from=n1 to=n2
settled n1 n1 shop-om || from=n2 to=n1
holds "tasks run there" await ran $from shop 2
holds "a long one is in progress" await running $from shop 'task#1'
on n1 pcs resource move shop $to
holds "pcs resource move: the group is on the other node" await settled n1 $to shop-om
holds "and so are the tasks" await ran $to shop 2
holds "the long run was ended, on record as cancelled" ended $to shop 'task#1' cancelled
holds "each slot has one decision, and one run at most" slots $to

# ocf:pacemaker:Dummy in place of the unit: the runs are ended by the agent of the filesystem.
on n1 pcs resource delete shop-om
on n1 sh -euc "$(commands 5 5)"
holds "ocf:pacemaker:Dummy makes the file, and tasks run" await running $to shop 'task#1'
back=$from
on n1 pcs resource move shop $back
holds "pcs resource move: the group is on the first node again" await settled n1 $back shop-here
holds "and so are the tasks" await ran $back shop 4
holds "the long run is over, on record as $(on $back om shop history --rid 'task#1' --state killed,cancelled,lost -n 1 -o csv | cut -d, -f6 | tail -n 1)" isnt running $to shop 'task#1'
holds "each slot has one decision, and one run at most" slots $back

# A node that hangs still has the filesystem, and a run: it is fenced before the other one mounts.
holds "a long one is in progress" await running $back shop 'task#1'
hang $back
holds "a node that hangs is fenced" await fenced $back
holds "the group is on the other one" await settled $to $to shop-here
holds "the run that was in progress is lost" await ended $to shop 'task#1' lost
holds "the slots of the time between are run (catchup = all): none is missed" isnt decided $to missed .
holds "each slot has one decision, and one run at most" slots $to
