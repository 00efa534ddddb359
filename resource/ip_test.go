package resource_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"om/resource"
	"om/task"
)

// expectIP probes an address and wants a state, and each word in the log; no words: no log.
func expectIP(t *testing.T, name, dev, netmask string, want task.Status, words ...string) {
	t.Helper()
	expect(t, resource.Prober{}, address(name, dev, netmask), want, words...)
}

func address(name, dev, netmask string) task.Resource {
	return task.Resource{RID: "ip#0", Group: "ip", Keywords: map[string]string{"ipname": name, "ipdev": dev, "netmask": netmask}}
}

// ifreq does one ioctl on an interface; a label as lo:svc makes an alias.
func ifreq(t *testing.T, request uint, name string, set func(*unix.Ifreq) error) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := set(req); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(fd, request, req); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func addIPv4(t *testing.T, label, ip, mask string) {
	t.Helper()
	ifreq(t, unix.SIOCSIFADDR, label, func(r *unix.Ifreq) error { return r.SetInet4Addr(netip.MustParseAddr(ip).AsSlice()) })
	ifreq(t, unix.SIOCSIFNETMASK, label, func(r *unix.Ifreq) error { return r.SetInet4Addr(netip.MustParseAddr(mask).AsSlice()) })
}

func setUp(t *testing.T, name string, flags uint16) {
	t.Helper()
	ifreq(t, unix.SIOCSIFFLAGS, name, func(r *unix.Ifreq) error {
		r.SetUint16(flags)
		return nil
	})
}

// TestIP works on the loopback interface of a network of its own, which begins without anything.
func TestIP(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNET) {
		return
	}
	expectIP(t, "10.9.8.7", "", "", task.Down)
	expectIP(t, "10.9.8.7", "eth7", "", task.Down, "info: there is no interface eth7")
	addIPv4(t, "lo:svc", "10.9.8.7", "255.255.255.0")
	setUp(t, "lo", 0)
	expectIP(t, "10.9.8.7", "", "", task.Warn, "warn: interface lo is down")
	setUp(t, "lo", unix.IFF_UP)
	for _, dev := range []string{"", "lo", "lo:svc", "lo:other"} {
		expectIP(t, "10.9.8.7", dev, "", task.Up)
	}
	for _, netmask := range []string{"24", "255.255.255.0", "0xffffff00", "ffffff00"} {
		expectIP(t, "10.9.8.7", "lo", netmask, task.Up)
	}
	expectIP(t, "10.9.8.7/24", "lo", "", task.Up)
	expectIP(t, "10.9.8.7/16", "lo", "24", task.Warn, "warn: 10.9.8.7/24 is on lo, wanted /16")
	expectIP(t, "10.9.8.7", "lo", "255.255.0.0", task.Warn, "wanted /16")
	expectIP(t, "10.9.8.7", "eth7", "", task.Down, "info: it is on lo")
	expectIP(t, "10.9.8.70", "lo", "", task.Down)
	expectIP(t, "::ffff:10.9.8.7", "lo", "", task.Up)
	expectIP(t, "::1", "lo", "128", task.Up)
	expectIP(t, "::1/64", "lo", "", task.Warn, "warn: ::1/128 is on lo, wanted /64")
	expectIP(t, "::2", "lo", "", task.Down)
	expectIP(t, "localhost", "lo", "", task.Up)
	expectIP(t, "no-such-host.invalid", "lo", "", task.Undef, "no-such-host.invalid")
	standby := address("10.9.8.7", "lo", "")
	standby.Standby = true
	expect(t, resource.Prober{}, standby, task.StdbyUp)
}

// TestIPCarrier pulls the cable of an interface.
func TestIPCarrier(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNET) {
		return
	}
	tun, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("/dev/net/tun: %v", err)
	}
	defer unix.Close(tun)
	req, err := unix.NewIfreq("om0")
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, req); err != nil {
		t.Skipf("a tap interface: %v", err)
	}
	addIPv4(t, "om0", "10.9.8.7", "255.255.255.0")
	setUp(t, "om0", unix.IFF_UP)
	until(t, func() bool { return one(t, resource.Prober{}, address("10.9.8.7", "om0", "24")).Status == task.Up })
	if err := unix.IoctlSetPointerInt(tun, unix.TUNSETCARRIER, 0); err != nil {
		t.Skipf("TUNSETCARRIER: %v", err)
	}
	until(t, func() bool { return one(t, resource.Prober{}, address("10.9.8.7", "om0", "24")).Status != task.Up })
	expectIP(t, "10.9.8.7", "om0", "24", task.Warn, "warn: interface om0 has no carrier")
	setUp(t, "om0", 0)
	expectIP(t, "10.9.8.7", "om0", "24", task.Warn, "warn: interface om0 is down")
}

// TestIPDuplicate gives the same address to both ends of a cable: the kernel finds out, and does not
// use the second.
func TestIPDuplicate(t *testing.T) {
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip(err)
	}
	if !inside(t, unix.CLONE_NEWNET) {
		return
	}
	for _, line := range []string{
		"link add om0 type veth peer name om1", "link set om0 up", "addr add 2001:db8::1/64 dev om0 nodad",
		"link set om1 up", "addr add 2001:db8::1/64 dev om1",
	} {
		if out, err := exec.CommandContext(t.Context(), ip, strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v: %s", line, err, out)
		}
	}
	until(t, func() bool { return one(t, resource.Prober{}, address("2001:db8::1", "om1", "")).Status == task.Warn })
	expectIP(t, "2001:db8::1", "om1", "", task.Warn, "warn: another host has the address too: duplicate address detection failed on om1")
	expectIP(t, "2001:db8::1", "om0", "", task.Up)
	expectIP(t, "2001:db8::1", "", "", task.Up)
}

// TestIPElsewhere: an address inside a container is not down because the host lacks it.
func TestIPElsewhere(t *testing.T) {
	r := address("127.0.0.1", "lo", "")
	r.Type = "netns"
	expect(t, resource.Prober{}, r, task.Undef, "info: there is no driver for ip.netns")
	r.Type = "host"
	expect(t, resource.Prober{}, r, task.Up)
}

func TestIPKeywords(t *testing.T) {
	expectIP(t, "", "", "", task.Undef, "warn: ipname: wanted an address or a host name")
	for _, netmask := range []string{"129", "-1", "255.0.255.0", "ffff00ff", "255.255.255", "x"} {
		expectIP(t, "127.0.0.1", "", netmask, task.Undef, "warn: netmask: \""+netmask+"\": wanted a prefix length or a mask")
	}
	expectIP(t, "127.0.0.1/33x", "", "", task.Undef, `warn: netmask: "33x"`)
}
