package resource

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"om/task"
)

func ipLabel(r task.Resource) string {
	label := r.Keywords["ipname"]
	if r.Keywords["ipdev"] != "" {
		label += "@" + r.Keywords["ipdev"]
	}
	return brief(label)
}

// lookIP looks at the addresses of the kernel: up where the address is on the interface (on any,
// without ipdev), down where it is not, warn where it can't be used there: the interface is down or
// has no carrier, another host has the address too, or its prefix is not the one that is wanted.
func lookIP(ctx context.Context, l *look) finding {
	if kind := typeOf(l.Resource); kind != "ip" && kind != "ip.host" {
		return lookNowhere(ctx, l) // it is in the network of a container, which is not seen from here
	}
	w, err := l.wantedIP(ctx)
	if err != nil {
		return unseen("%v", err)
	}
	all, err := addresses()
	if err != nil {
		return unseen("%v", err)
	}
	links, err := net.Interfaces()
	if err != nil {
		return unseen("interfaces: %v", err)
	}
	return w.find(all, links)
}

// wantedIP is what the keywords ask for.
type wantedIP struct {
	ips  []netip.Addr // any of them, where a name has several
	bits int          // length of the prefix, -1 for any
	dev  string       // the interface, "" for any
}

func (l *look) wantedIP(ctx context.Context) (wantedIP, error) {
	name, prefix, ok := strings.Cut(l.Keywords["ipname"], "/")
	if !ok {
		prefix = l.Keywords["netmask"]
	}
	// An alias as eth0:1 is a label of an address on eth0, not an interface.
	dev, _, _ := strings.Cut(l.Keywords["ipdev"], ":")
	bits, err := prefixBits(prefix)
	if err != nil {
		return wantedIP{}, err
	}
	ips, err := l.resolve(ctx, name)
	return wantedIP{ips, bits, dev}, err
}

// resolve returns the addresses of name, which may be one itself.
func (l *look) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	if name == "" {
		return nil, fmt.Errorf("ipname: wanted an address or a host name: %w", task.ErrInvalid)
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{ip.Unmap().WithZone("")}, nil
	}
	l.begin("resolve %s", name)
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range ips {
		ips[i] = ips[i].Unmap().WithZone("")
	}
	return ips, err
}

// prefixBits reads a netmask, "24", "255.255.255.0" or "0xffffff00", as the length of a prefix; -1
// for none.
func prefixBits(text string) (int, error) {
	if text == "" {
		return -1, nil
	}
	if bits, err := strconv.ParseUint(text, 10, 8); err == nil && bits <= 128 {
		return int(bits), nil
	}
	mask := net.ParseIP(text).To4()
	if hex, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32); err == nil && len(text) >= 8 {
		mask = net.IPv4(byte(hex>>24), byte(hex>>16), byte(hex>>8), byte(hex)).To4()
	}
	if ones, bits := net.IPMask(mask).Size(); bits == 32 {
		return ones, nil
	}
	return 0, fmt.Errorf("netmask: %q: wanted a prefix length or a mask: %w", text, task.ErrInvalid)
}

// find judges every place that has the address, and returns the best.
func (w wantedIP) find(all []address, links []net.Interface) finding {
	best := is(task.Down)
	if w.dev != "" && !slices.ContainsFunc(links, func(l net.Interface) bool { return l.Name == w.dev }) {
		best.log = []string{info("there is no interface %s", w.dev)}
	}
	for _, a := range all {
		if !slices.Contains(w.ips, a.prefix.Addr()) {
			continue
		}
		f := w.state(a, linkOf(a, links))
		if f.status == task.Up {
			return f
		}
		if best.status == task.Down {
			best = f
		}
	}
	return best
}

func (w wantedIP) state(a address, link net.Interface) finding {
	switch {
	case w.dev != "" && w.dev != link.Name:
		return is(task.Down, info("it is on %s", link.Name))
	case link.Flags&net.FlagUp == 0:
		return is(task.Warn, warn("interface %s is down", link.Name))
	case link.Flags&net.FlagRunning == 0:
		return is(task.Warn, warn("interface %s has no carrier", link.Name))
	case a.duplicate:
		return is(task.Warn, warn("another host has the address too: duplicate address detection failed on %s", link.Name))
	case w.bits >= 0 && w.bits != a.prefix.Bits():
		return is(task.Warn, warn("%s is on %s, wanted /%d", a.prefix, link.Name, w.bits))
	}
	return is(task.Up)
}

func linkOf(a address, links []net.Interface) net.Interface {
	i := slices.IndexFunc(links, func(l net.Interface) bool { return l.Index == a.link })
	if i < 0 {
		return net.Interface{Name: "interface " + strconv.Itoa(a.link)}
	}
	return links[i]
}
