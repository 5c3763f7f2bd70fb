// Package hostnet gives a guest sockets of the host, and the rules that say
// which addresses it may use.
//
// Nothing in it waits: an operation that cannot be done now gives
// [syscall.EAGAIN] or [syscall.EINPROGRESS], and [Socket.Pending] tells when to
// try again. Errors wrap a [syscall.Errno] where the system gave one.
package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Rule allows addresses, or the addresses that names lead to, each with a range
// of ports. The zero Rule allows nothing.
type Rule struct {
	any       bool         // all addresses and names
	prefix    netip.Prefix // of addresses, when name is empty
	name      string       // in lower case; begins with a dot for all names below it
	low, high uint16
	ported    bool // the text named ports
}

// ParseRule reads HOST, HOST:PORT or HOST:LOW-HIGH. HOST is an address, a
// network such as 10.0.0.0/8, a name, *.NAME for all names below one, or * for
// everything. An IPv6 address or network with a port stands in brackets:
// [fd00::/8]:443. No port and * are all ports.
func ParseRule(s string) (Rule, error) {
	host, port, ported, err := splitPort(s)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{high: 65535, ported: ported}
	if ported && port != "*" {
		if r.low, r.high, err = parsePorts(port); err != nil {
			return Rule{}, err
		}
	}
	if host == "*" {
		r.any = true
		return r, nil
	}
	if looksNumeric(host) {
		if r.prefix, err = parsePrefix(host); err != nil {
			return Rule{}, err
		}
		return r, nil
	}
	name, wild := strings.CutPrefix(host, "*.")
	if name, err = Name(name); err != nil {
		return Rule{}, err
	}
	if r.name = name; wild {
		r.name = "." + name
	}
	return r, nil
}

// splitPort separates the port from the host, which loses its brackets.
func splitPort(s string) (host, port string, ported bool, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, rest, closed := strings.Cut(inner, "]")
		if !closed {
			return "", "", false, fmt.Errorf("%q: the bracket is not closed", s)
		}
		port, ported = strings.CutPrefix(rest, ":")
		if rest != "" && !ported {
			return "", "", false, fmt.Errorf("%q: expected a colon and a port after the bracket, found %q", s, rest)
		}
		return host, port, ported, nil
	}
	if strings.Count(s, ":") > 1 { // an IPv6 address without a port
		return s, "", false, nil
	}
	host, port, ported = strings.Cut(s, ":")
	return host, port, ported, nil
}

func parsePorts(s string) (low, high uint16, err error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	l, err1 := strconv.ParseUint(first, 10, 16)
	h, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || l > h {
		return 0, 0, fmt.Errorf("port %q: expected a number up to 65535, or two as LOW-HIGH", s)
	}
	return uint16(l), uint16(h), nil
}

// looksNumeric tells addresses and networks from names, whose last label is no
// number.
func looksNumeric(host string) bool {
	return strings.ContainsAny(host, ":/") || endsInNumber(host)
}

func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func parsePrefix(s string) (netip.Prefix, error) {
	var p netip.Prefix
	var err error
	if strings.Contains(s, "/") {
		p, err = netip.ParsePrefix(s)
	} else {
		var a netip.Addr
		if a, err = netip.ParseAddr(s); err == nil && a.Zone() != "" {
			return p, fmt.Errorf("%q: leave the zone out", s)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is no address and no network such as 10.0.0.0/8", s)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%q: write it as an IPv4 address", s)
	case p.Masked() != p:
		return p, fmt.Errorf("%q has bits set beyond its %d: did you mean %s?", s, p.Bits(), p.Masked())
	}
	return p, nil
}

// errName is what [Name] says of text that is no name.
var errName = errors.New("expected letters, digits, - and _ in labels of up to 63 bytes with dots between them, 253 bytes in all, the last one no number")

// Name returns a host name in lower case and without a dot at its end. It is an
// error when the name cannot be one of the DNS.
func Name(s string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if name == "" || len(name) > 253 || endsInNumber(name) {
		return "", fmt.Errorf("name %.40q: %w", s, errName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("name %q: %w", s, errName)
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return "", fmt.Errorf("name %q: %w", s, errName)
			}
		}
	}
	return name, nil
}

// Ported tells whether the rule's text named ports.
func (r Rule) Ported() bool { return r.ported }

// AllowsPort tells whether port is in the rule's range.
func (r Rule) AllowsPort(port uint16) bool { return r.low <= port && port <= r.high && r != Rule{} }

// AllowsAddr tells whether the rule is of addresses and a is one of them.
func (r Rule) AllowsAddr(a netip.Addr) bool {
	return r.any || r.name == "" && r.prefix.IsValid() && r.prefix.Contains(a.Unmap().WithZone(""))
}

// AllowsName tells whether the rule is of names and name, as [Name] returns it,
// is one of them.
func (r Rule) AllowsName(name string) bool {
	switch {
	case r.any:
		return true
	case r.name == "":
		return false
	case r.name[0] == '.':
		return strings.HasSuffix(name, r.name)
	}
	return name == r.name
}

// String returns the rule as [ParseRule] reads it.
func (r Rule) String() string {
	host := r.prefix.String()
	switch {
	case r == Rule{}:
		return "nothing"
	case r.any:
		host = "*"
	case r.name != "" && r.name[0] == '.':
		host = "*" + r.name
	case r.name != "":
		host = r.name
	case r.prefix.IsSingleIP():
		host = r.prefix.Addr().String()
	}
	if !r.ported {
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	switch {
	case r.low == 0 && r.high == 65535:
		return host + ":*"
	case r.low == r.high:
		return fmt.Sprintf("%s:%d", host, r.low)
	}
	return fmt.Sprintf("%s:%d-%d", host, r.low, r.high)
}

// inward are networks that are not of the Internet at large though netip does
// not say so, among them those that carry an IPv4 address within.
var inward = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by a provider's customers
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4 in its oldest clothes
	netip.MustParsePrefix("64:ff9b::/96"),    // IPv4 by NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, local
	netip.MustParsePrefix("2001::/32"),       // Teredo
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("fec0::/10"),       // site-local
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
}

// Public tells whether an address is one of the Internet at large: no address
// of this machine, of a private or a local network, or of many receivers. A
// name's owner may let it lead anywhere, so that allowing a name allows no more
// than this.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range inward {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
