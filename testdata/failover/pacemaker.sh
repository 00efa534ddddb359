# A cluster of two nodes, with corosync. There is nothing to fence these nodes with.

settled() { on "$1" crm_mon -1 | grep -q "shop-om.*Started $2"; }
online() { on n1 crm_mon -1 | grep -q 'Online: \[ n1 n2 \]'; }

for n in n1 n2; do
	layer $n
	cp "$docs/failover/corosync.conf" "$lab/$n/root/etc/corosync/"
	boot $n
	on $n systemctl start om corosync pacemaker
done
on n1 mount /dev/shop /srv/shop
on n1 om shop state init
on n1 umount /srv/shop
holds "the cluster has two nodes" await online
on n1 crm configure property stonith-enabled=false
on n1 crm configure load update /root/failover/pacemaker.crm
holds "the group is started on a node" await on n1 sh -c 'crm_mon -1 | grep -q "shop-om.*Started"'
from=n1 to=n2
settled n1 n1 || from=n2 to=n1
holds "tasks run there" await ran $from shop 2
holds "a long one is in progress" await running $from shop 'task#1'
on n1 crm resource move shop $to
holds "crm resource move: the group is on the other node" await settled n1 $to
holds "and so are the tasks" await ran $to shop 2
holds "the long run was ended, on record as cancelled" ended $to shop 'task#1' cancelled
holds "each slot has one decision, and one run at most" slots $to
holds "none was skipped" isnt decided $to skip .
on n1 crm resource clear shop
holds "a long one is in progress" await running $to shop 'task#1'
die $to
holds "after the death of that node the group is on the first again" await settled $from $from
holds "the run that was in progress is lost" await ended $from shop 'task#1' lost
holds "the slots of the time between are run (catchup = all): none is missed" isnt decided $from missed .
holds "each slot has one decision, and one run at most" slots $from
