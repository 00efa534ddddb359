# Relocations by hand, as the scripts of any cluster manager do them.

take() { # NODE: mounts, and takes the address
	on "$1" mount /dev/shop /srv/shop
	on "$1" ip addr add 10.9.0.100/24 dev eth0
}
leave() { # NODE
	on "$1" ip addr del 10.9.0.100/24 dev eth0
	on "$1" umount /srv/shop
}

for n in n1 n2; do
	layer $n
	printf '[task#0]\ncommand = sleep 600\ncwd = /\nschedule = every 5s\n' >"$lab/$n/root/etc/om/other.conf"
	boot $n
	on $n systemctl start om
done
take n1
holds "the record is created once, where the filesystem is" on n1 om shop state init
on n1 systemctl start om-active@shop
holds "tasks run on the node that has the service" await ran n1 shop 2
holds "a long one is in progress" await running n1 shop 'task#1'
holds "and one of another service" await running n1 other 'task#0'
holds "nothing runs on the other node" isnt on n2 pgrep -x sh

on n1 systemctl stop om-active@shop
holds "the unit's stop ends what is in progress, on record as cancelled" ended n1 shop 'task#1' cancelled
holds "then nothing keeps the filesystem busy" leave n1
holds "the other service's run goes on" running n1 other 'task#0'
take n2
on n2 systemctl start om-active@shop
holds "tasks run on the second node, with the record of before" await ran n2 shop 2
holds "each slot has one decision, and one run at most" slots n2
holds "none was skipped for the relocation" isnt decided n2 skip .
holds "nor missed" isnt decided n2 missed .

holds "a long one is in progress on the second node" await running n2 shop 'task#1'
die n2
sleep 11 # two slots that nobody sees
take n1
on n1 systemctl start om-active@shop
holds "after a death the run that was in progress is lost" await ended n1 shop 'task#1' lost
holds "the slots of the time between are run (catchup = all): none is missed" isnt decided n1 missed .
holds "each slot has one decision, and one run at most" slots n1
holds "om explain tells of the lost run's slot" on n1 sh -c 'om shop explain --run "$(om shop history --state lost -o csv | sed -n "2s/,.*//p")"'

# Without the unit: frozen on the node that it leaves, which the other does not know of.
boot n2
on n2 systemctl start om
await running n1 shop 'task#1'
on n1 om shop freeze
on n1 om shop kill --quiet
holds "frozen and killed, nothing keeps the filesystem busy" leave n1
on n1 rm /run/om-active-shop
on n1 om shop thaw
take n2
on n2 touch /run/om-active-shop
holds "the other node is not frozen" await ran n2 shop 2
holds "each slot has one decision, and one run at most" slots n2

# With systemd keeping the order: a mount unit, and a drop-in that binds om's unit to it.
await running n2 shop 'task#1'
on n2 rm /run/om-active-shop
on n2 om shop kill --quiet
leave n2
on n1 tee /run/systemd/system/srv-shop.mount <<<$'[Mount]\nWhat=/dev/shop\nWhere=/srv/shop\nType=ext4' >"$lab/tee"
on n1 mkdir -p /run/systemd/system/om-active@shop.service.d
on n1 tee /run/systemd/system/om-active@shop.service.d/mount.conf <<<$'[Unit]\nBindsTo=srv-shop.mount\nAfter=srv-shop.mount' >"$lab/tee"
on n1 systemctl daemon-reload
on n1 ip addr add 10.9.0.100/24 dev eth0
holds "systemctl start om-active@shop mounts first" on n1 systemctl restart om-active@shop
holds "tasks run on the first node" await ran n1 shop 2
holds "a long one is in progress" await running n1 shop 'task#1'
holds "systemctl stop srv-shop.mount ends it, and unmounts" on n1 systemctl stop srv-shop.mount
on n1 ip addr del 10.9.0.100/24 dev eth0
holds "nothing is mounted" isnt on n1 mountpoint /srv/shop
holds "om's unit is stopped" isnt on n1 systemctl is-active om-active@shop
take n2
holds "the run is on record as cancelled" on n2 sh -c 'om shop history --rid "task#1" --state cancelled -n 1 -o csv | grep -q ",n1,"'
on n2 touch /run/om-active-shop

# With nothing to call: the filesystem and the address alone tell where the service is.
for n in n1 n2; do
	on $n sed -i '/^\[app#active\]/,/^$/d; /^optional/d' /etc/om/shop.conf
	holds "shop.conf without the gate is well on $n" on $n om shop validate --strict
done
holds "a long one is in progress" await running n2 shop 'task#1'
on n2 ip addr del 10.9.0.100/24 dev eth0
holds "a run in the filesystem keeps it busy" isnt on n2 umount /srv/shop
await running n2 other 'task#0'
on n2 fuser -k -TERM -m /srv/shop || true
holds "a signal to who uses it, and it can be unmounted" await on n2 umount /srv/shop
take n1
holds "tasks run on the first node" await ran n1 shop 2
holds "the run is on record as killed, or lost where nobody saw its end" on n1 sh -c 'om shop history --state killed,lost,cancelled -n 1 -o csv | grep -q ",n2,"'
holds "each slot has one decision, and one run at most" slots n1
holds "its supervisor was one of them: what else that held has ended too" ended n2 other 'task#0' cancelled
