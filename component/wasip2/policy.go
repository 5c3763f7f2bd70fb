package wasip2

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip2/internal/hostnet"
)

// AddressRule allows addresses, or the addresses that names lead to, each with
// a range of ports. The zero AddressRule allows nothing.
type AddressRule struct{ rule hostnet.Rule }

// ParseAddressRule reads HOST, HOST:PORT or HOST:LOW-HIGH. HOST is an address,
// a network such as 10.0.0.0/8, a name, *.NAME for all names below one, or *
// for everything. An IPv6 address or network with a port stands in brackets:
// [fd00::/8]:443. No port, and the port *, are all ports.
//
// A name allows no more than the public addresses that it leads to, since its
// owner may let it lead anywhere; localhost leads to this machine. Addresses of
// private networks are to be allowed as such.
func ParseAddressRule(s string) (AddressRule, error) {
	r, err := hostnet.ParseRule(s)
	return AddressRule{r}, err
}

// String returns the rule as [ParseAddressRule] reads it.
func (r AddressRule) String() string { return r.rule.String() }

// SocketPolicy says what a guest may do with sockets. The zero SocketPolicy
// allows nothing: no socket is made, and no name looked up. It is not to be
// changed once a [Config] has it.
type SocketPolicy struct {
	// Connect is where a guest may connect and send datagrams to. What it gets
	// without having listened comes from there too.
	Connect []AddressRule
	// Listen is what addresses of this machine a guest may listen on: for
	// connections, and for datagrams of anyone. A rule for port 0 allows any port
	// that is free, as the system chooses.
	Listen []AddressRule
	// Lookup is what names a guest may look up beside those of Connect. Ports
	// and addresses in it mean nothing.
	Lookup []AddressRule
	// MaxSockets is how many sockets an instance may have; 0 is
	// [DefaultMaxSockets].
	MaxSockets int
	// Resolve looks a name up in place of the system. Its error should be a
	// *[net.DNSError].
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
}

// DefaultMaxSockets is how many sockets an instance may have.
const DefaultMaxSockets = 128

// WithSockets allows the guest sockets. Without, or with a policy that allows
// nothing, wasi:sockets answers access-denied.
func (c Config) WithSockets(p SocketPolicy) Config { c.sockets = p; return c }

// allowsAny tells whether there is anything that the policy allows.
func (p *SocketPolicy) allowsAny() bool {
	return len(p.Connect)+len(p.Listen)+len(p.Lookup) > 0
}

func (p *SocketPolicy) maxSockets() int {
	if p.MaxSockets > 0 {
		return p.MaxSockets
	}
	return DefaultMaxSockets
}

func (p *SocketPolicy) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	if p.Resolve != nil {
		return p.Resolve(ctx, name)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// allowsLookup tells whether a name, as [hostnet.Name] returns it, may be looked
// up.
func (p *SocketPolicy) allowsLookup(name string) bool {
	for _, rules := range [][]AddressRule{p.Connect, p.Lookup} {
		for _, r := range rules {
			if r.rule.AllowsName(name) {
				return true
			}
		}
	}
	return false
}

// allowsListen tells whether a guest may listen on an address. Port 0 is that of
// a socket whose port the system is to choose.
func (p *SocketPolicy) allowsListen(a netip.AddrPort) bool {
	for _, r := range p.Listen {
		if r.rule.AllowsPort(a.Port()) && (r.rule.AllowsAddr(a.Addr()) || r.rule.AllowsName(localhost) && a.Addr().IsLoopback()) {
			return true
		}
	}
	return false
}

// allowsConnect tells whether a guest may connect to an address that it has got
// by looking names up, or otherwise.
func (p *SocketPolicy) allowsConnect(a netip.AddrPort, names []string) bool {
	for _, r := range p.Connect {
		if r.rule.AllowsPort(a.Port()) && ruleAllows(r.rule, a.Addr(), names) {
			return true
		}
	}
	return false
}

// localhost is the one name that leads to this machine by definition.
const localhost = "localhost"

// ruleAllows tells whether a rule allows an address that names lead to. What is
// checked is the address, so that a name which leads elsewhere the next time it is
// looked up gives nothing away.
func ruleAllows(r hostnet.Rule, a netip.Addr, names []string) bool {
	if r.AllowsAddr(a) || r.AllowsName(localhost) && a.Unmap().IsLoopback() {
		return true
	}
	if !hostnet.Public(a) {
		return false
	}
	for _, name := range names {
		if r.AllowsName(name) {
			return true
		}
	}
	return false
}

// HTTPRule allows requests to hosts, with a range of ports. The zero HTTPRule
// allows nothing.
type HTTPRule struct {
	scheme string // empty for both
	rule   hostnet.Rule
}

// ParseHTTPRule reads [SCHEME://]HOST[:PORT], where SCHEME is http or https, and
// HOST and PORT are as [ParseAddressRule] has them. No port is the scheme's own,
// 80 or 443.
//
// A name allows requests to it at the public addresses that it leads to. One
// that leads to a private network needs a rule for the address beside it.
func ParseHTTPRule(s string) (HTTPRule, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else if scheme != "http" && scheme != "https" {
		return HTTPRule{}, fmt.Errorf("%q: expected http or https before ://", s)
	}
	r, err := hostnet.ParseRule(strings.TrimSuffix(rest, "/"))
	return HTTPRule{scheme, r}, err
}

// String returns the rule as [ParseHTTPRule] reads it.
func (r HTTPRule) String() string {
	if r.scheme == "" {
		return r.rule.String()
	}
	return r.scheme + "://" + r.rule.String()
}

func (r HTTPRule) allowsPort(port uint16) bool {
	if r.rule.Ported() {
		return r.rule.AllowsPort(port)
	}
	return port == 80 && r.scheme != "https" || port == 443 && r.scheme != "http"
}

// HTTPPolicy says what requests a guest may make. The zero HTTPPolicy allows
// none. It is not to be changed once a [Config] has it.
type HTTPPolicy struct {
	// Allow is what hosts the guest may make requests to. Redirects are not
	// followed: they are the guest's business, and new requests.
	Allow []HTTPRule
	// MaxRequests is how many requests, with their responses, an instance may have
	// under way; 0 is [DefaultMaxRequests].
	MaxRequests int
	// MaxHeaderBytes is how many bytes of fields a request or a response may have;
	// 0 is [DefaultMaxHeaderBytes].
	MaxHeaderBytes int
	// Timeout is how long, at most, connecting may take, the response may take to
	// begin, and a piece of the body to arrive, each by itself; 0 is
	// [DefaultHTTPTimeout]. A guest can ask for less.
	Timeout time.Duration
	// RootCAs are the authorities whose certificates are trusted; nil for the
	// system's.
	RootCAs *x509.CertPool
	// Resolve looks a name up in place of the system. Its error should be a
	// *[net.DNSError].
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
}

// Defaults of an [HTTPPolicy].
const (
	DefaultMaxRequests    = 32
	DefaultMaxHeaderBytes = 128 << 10
	DefaultHTTPTimeout    = 10 * time.Minute
)

// WithHTTP allows the guest HTTP requests. Without, wasi:http answers
// HTTP-request-denied. Nothing of the environment counts, such as proxies.
func (c Config) WithHTTP(p HTTPPolicy) Config { c.http = p; return c }

func (p *HTTPPolicy) maxRequests() int {
	if p.MaxRequests > 0 {
		return p.MaxRequests
	}
	return DefaultMaxRequests
}

func (p *HTTPPolicy) maxHeaderBytes() int {
	if p.MaxHeaderBytes > 0 {
		return p.MaxHeaderBytes
	}
	return DefaultMaxHeaderBytes
}

func (p *HTTPPolicy) longest() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	return DefaultHTTPTimeout
}

// timeout is a guest's, or the longest that is allowed.
func (p *HTTPPolicy) timeout(asked abi.Option[uint64]) time.Duration {
	if asked.Some {
		return min(nanoseconds(asked.Value), p.longest())
	}
	return p.longest()
}

func (p *HTTPPolicy) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	if p.Resolve != nil {
		return p.Resolve(ctx, name)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// allows tells whether a request may go to a host: an address, or a name as
// [hostnet.Name] returns it.
func (p *HTTPPolicy) allows(scheme, host string, port uint16) bool {
	a, err := netip.ParseAddr(host)
	for _, r := range p.Allow {
		if r.scheme != "" && r.scheme != scheme || !r.allowsPort(port) {
			continue
		}
		if err == nil && ruleAllows(r.rule, a, nil) || err != nil && r.rule.AllowsName(host) {
			return true
		}
	}
	return false
}

// allowsAddress tells whether a request to a host that is allowed may go to an
// address that it leads to.
func (p *HTTPPolicy) allowsAddress(host string, a netip.AddrPort) bool {
	if hostnet.Public(a.Addr()) || host == localhost && a.Addr().IsLoopback() {
		return true
	}
	for _, r := range p.Allow {
		if r.allowsPort(a.Port()) && r.rule.AllowsAddr(a.Addr()) {
			return true
		}
	}
	return false
}
