# PostgreSQL with a replica, and Patroni, whose store is on a third host.

mkdir -m 0777 "$lab/etcd"
chmod 0755 "$lab"
setpriv --reuid etcd --regid etcd --clear-groups etcd --data-dir "$lab/etcd" --listen-client-urls http://10.9.0.254:2379 \
	--advertise-client-urls http://10.9.0.254:2379 --listen-peer-urls http://127.0.0.1:2380 >"$lab/etcd.log" 2>&1 &
for n in n1 n2; do
	layer $n
	r=$lab/$n/root
	rm -r "$r/etc/om/shop.conf" "$r"/var/lib/postgresql/*
	install -m 0644 "$docs/failover/pg.conf" "$r/etc/om/"
	sed "s/n1/$n/; s/10.9.0.1:/10.9.0.${n#n}:/" "$docs/failover/patroni.yml" >"$r/etc/patroni/config.yml"
	boot $n
	on $n chown postgres /etc/patroni/config.yml /var/lib/postgresql
	on $n install -d -o postgres -g postgres /var/run/postgresql
	on $n systemctl start patroni
	[ $n = n2 ] || await on n1 curl -sf http://127.0.0.1:8008/primary # it is the first, then
done
replica() { on "$1" curl -sf http://127.0.0.1:8008/replica; }
primary() { on "$1" curl -sf http://127.0.0.1:8008/primary; }
sql() { on "$1" setpriv --reuid postgres --regid postgres --init-groups psql -qAtX -c "$2"; }
holds "the second node is a replica" await replica n2
holds "a table for the test" await sql n1 'create table ran (rid text, node text, at timestamptz default now())'
for n in n1 n2; do on $n systemctl start om; done
holds "tasks run beside the primary" await ran n1 pg 2
holds "a long one is in progress" await running n1 pg 'task#1'
holds "on the replica the service is not active, and nothing ran" isnt ran n2 pg 1
holds "and nothing was skipped there" isnt on n2 sh -c 'om pg history --skipped --missed -n 0 -o csv | grep "#"'

on n1 patronictl -c /etc/patroni/config.yml switchover pg --leader n1 --candidate n2 --force
holds "patronictl switchover: the second node is the primary" await primary n2
holds "tasks run there" await ran n2 pg 2
holds "the long run has ended" await isnt running n1 pg 'task#1'
holds "a long one is in progress on the second node" await running n2 pg 'task#1'
holds "the first is a replica again" await replica n1
on n2 om dump create --template postgres-dump
holds "a service of the template postgres-dump dumps" on n2 om dump run
holds "and leaves one dump that can be read" on n2 sh -c 'pg_restore --list /var/lib/postgresql/dumps/postgres-*.dump | grep -q "TABLE public ran"'
before=$(on n1 om pg history --rid 'task#0' --state complete -n 0 -o csv | wc -l)
again() { [ "$(on n1 om pg history --rid 'task#0' --state complete -n 0 -o csv | wc -l)" -gt "$before" ]; }
die n2
holds "after its death the first is the primary" await primary n1
holds "and tasks run there" await again
twice() { sql n1 "select date_bin('5 s', at, '2000-01-01') from ran group by 1 having count(*) > 1" | grep .; }
holds "no slot ran on both" isnt twice
