# The recipe for DRBD without DRBD, of which the kernel may know nothing: Pacemaker reads it, and its policy engine says in which
# order it would start what is in it. In place of a cluster there is a file.

export CIB_file=$lab/cib.xml LC_ALL=C
cibadmin --empty | sed 's,<nodes/>,<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>,' >"$CIB_file"
crm configure property stonith-enabled=false no-quorum-policy=ignore 2>/dev/null
# The unit is not on this machine: an agent that does nothing stands for it.
sed 's,device=/dev/shop,device=/dev/drbd/by-res/shop/0,; s,systemd:om-active@shop,ocf:pacemaker:Dummy,' "$docs/failover/pacemaker.crm" >"$lab/drbd.crm"
sed -n '/^## DRBD/,/^## A script/s/^    //p' "$docs/failover.md" >>"$lab/drbd.crm"
holds "crmsh takes the group and the lines for DRBD of docs/failover.md" crm configure load update "$lab/drbd.crm"
holds "Pacemaker has nothing against them" crm_verify -x "$CIB_file"
crm_simulate -x "$CIB_file" -S -u n1 -u n2 -O "$lab/begun.xml" >"$lab/first" 2>&1
begun() { grep -q "shop-drbd:. *start on n1" "$lab/first" && grep -q "shop-drbd:. *start on n2" "$lab/first"; }
holds "it would start the device on both nodes" begun
unmounted() { ! grep -q 'shop-fs *start' "$lab/first"; }
holds "and mount nothing" unmounted
# The agent of DRBD says by this that its data are good.
export CIB_file=$lab/begun.xml
for n in n1 n2; do crm_attribute -l reboot -N $n -n master-shop-drbd -v 10000; done
crm_simulate -x "$CIB_file" -S 2>&1 | grep -E 'Resource action: .* (promote|start) on ' | awk '{print $4, $5, $7}' >"$lab/second"
order() { printf '%s\n' 'shop-drbd promote n1' 'shop-fs start n1' 'shop-ip start n1' 'shop-om start n1' | diff - "$lab/second"; }
holds "then it would promote one, and there start the filesystem, the address and om, in that order" order
