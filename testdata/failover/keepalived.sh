# An address that moves by VRRP, and no disk.

for n in n1 n2; do
	layer $n
	rm "$lab/$n/root/etc/om/shop.conf"
	install -m 0644 "$docs/failover/web.conf" "$lab/$n/root/etc/om/"
	install -m 0644 "$docs/failover/keepalived.conf" "$lab/$n/root/etc/keepalived/"
	rm -f "$lab/$n/root/var/tmp/ran"
	boot $n
done
on n2 sed -i 's/priority 100/priority 90/' /etc/keepalived/keepalived.conf
for n in n1 n2; do on $n systemctl start om keepalived; done
first() { on n1 ip addr show eth0 | grep -q 10.9.0.100; }
holds "the first node has the address" await first
holds "tasks run there" await ran n1 web 2
holds "a long one is in progress" await running n1 web 'task#1'
holds "nothing ran on the other" isnt ran n2 web 1
on n1 systemctl stop keepalived
holds "when the address leaves, the long run is ended" await ended n1 web "task#1" cancelled
holds "tasks run on the second node" await ran n2 web 2
holds "a long one is in progress there" await running n2 web 'task#1'
on n1 systemctl start keepalived
before=$(on n1 om web history --rid 'task#0' -n 0 -o csv | wc -l)
again() { [ "$(on n1 om web history --rid 'task#0' -n 0 -o csv | wc -l)" -gt "$before" ]; }
cp "$lab/n2/root/var/tmp/ran" "$lab/ran2"
die n2
holds "after the death of the second node tasks run on the first" await again
twice() { cat "$lab/n1/root/var/tmp/ran" "$lab/ran2" | cut -d ' ' -f 1 | sort | uniq -d | grep .; }
holds "no slot ran on both" isnt twice
