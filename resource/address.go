package resource

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
)

// address is one address of this host.
type address struct {
	prefix    netip.Prefix
	link      int  // index of its interface
	duplicate bool // the kernel found that another host has it: it is not in use
}

// addresses asks the kernel for every address of this network namespace. Package net tells them
// too, but not which are duplicates.
func addresses() ([]address, error) {
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	var all []address
	for _, m := range messages {
		if a, ok := parseAddress(m); ok {
			all = append(all, a)
		}
	}
	return all, nil
}

// parseAddress reads a message as rtnetlink(7) lays it out: family, prefix length, flags and scope
// in a byte each, the index of the interface in four, then attributes.
func parseAddress(m syscall.NetlinkMessage) (address, bool) {
	if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
		return address{}, false
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(&m)
	if err != nil {
		return address{}, false
	}
	ip := localAddress(attrs)
	a := address{
		prefix:    netip.PrefixFrom(ip, int(m.Data[1])),
		link:      int(binary.NativeEndian.Uint32(m.Data[4:8])),
		duplicate: m.Data[2]&syscall.IFA_F_DADFAILED != 0,
	}
	return a, ip.IsValid()
}

// localAddress prefers IFA_LOCAL: on a point-to-point link IFA_ADDRESS is the other end.
func localAddress(attrs []syscall.NetlinkRouteAttr) (ip netip.Addr) {
	for _, attr := range attrs {
		got, ok := netip.AddrFromSlice(attr.Value)
		switch {
		case !ok:
		case attr.Attr.Type == syscall.IFA_LOCAL:
			return got
		case attr.Attr.Type == syscall.IFA_ADDRESS:
			ip = got
		}
	}
	return ip
}
