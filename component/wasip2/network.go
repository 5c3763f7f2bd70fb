package wasip2

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip2/internal/hostnet"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
)

// guestNetwork is the network of one instance: its policy, and how much of it is
// in use. It is used by the instance's goroutine only, but for what says
// otherwise.
type guestNetwork struct {
	host    *host
	policy  *SocketPolicy
	sockets int          // open
	lookups atomic.Int32 // under way
	found   found
}

func (n *guestNetwork) Drop(context.Context) error { return nil }

func (n *guestNetwork) InstanceNetwork(context.Context) (network.Network, error) { return n, nil }

// open makes a socket, if the policy and the limit allow one.
func (n *guestNetwork) open(t hostnet.Transport, f network.IPAddressFamily) (*hostnet.Socket, error) {
	switch {
	case !n.policy.allowsAny():
		return nil, errAccessDenied
	case n.sockets >= n.policy.maxSockets():
		return nil, errTooManySockets
	}
	s, err := hostnet.Open(t, families[f])
	if err == nil {
		n.sockets++
	}
	return s, err
}

// close gives a socket back.
func (n *guestNetwork) close(s *hostnet.Socket) error {
	n.sockets--
	return s.Close()
}

// mayConnect is an error when a guest may not send to an address.
func (n *guestNetwork) mayConnect(a netip.AddrPort) error {
	if !n.policy.allowsConnect(a, n.found.names(a.Addr())) {
		return errAccessDenied
	}
	return nil
}

// checkNetwork is a trap when a guest's network is not its own.
func (n *guestNetwork) checkNetwork(v network.Network) error {
	if v != network.Network(n) {
		return errors.New("the network is not of this host")
	}
	return nil
}

// found remembers what names lead to which addresses, the newest of them.
type found struct {
	entries []foundAddress
	next    int // the oldest, once there are maxFound
}

type foundAddress struct {
	addr netip.Addr
	name string
}

// maxFound is how many addresses of names are remembered, and maxAddresses how
// many of one name.
const (
	maxFound     = 1024
	maxAddresses = 64
)

func (f *found) add(name string, addrs []netip.Addr) {
	for _, a := range addrs {
		e := foundAddress{a.Unmap().WithZone(""), name}
		if len(f.entries) < maxFound {
			f.entries = append(f.entries, e)
			continue
		}
		f.entries[f.next] = e
		f.next = (f.next + 1) % maxFound
	}
}

// names returns the names that led to an address.
func (f *found) names(a netip.Addr) (names []string) {
	a = a.Unmap().WithZone("")
	for _, e := range f.entries {
		if e.addr == a {
			names = append(names, e.name)
		}
	}
	return names
}

var families = [...]hostnet.Family{
	network.IPAddressFamilyIPv4: hostnet.IPv4,
	network.IPAddressFamilyIPv6: hostnet.IPv6,
}

// fromAddress is a guest's address. An IPv6 address's zone is its scope's
// number; the flow label is not used.
func fromAddress(a network.IPSocketAddress) netip.AddrPort {
	if a.Tag == network.IPSocketAddressTagIPv4 {
		v := a.IPv4.Address
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{v.F0, v.F1, v.F2, v.F3}), a.IPv4.Port)
	}
	v := a.IPv6.Address
	var b [16]byte
	for i, group := range [8]uint16{v.F0, v.F1, v.F2, v.F3, v.F4, v.F5, v.F6, v.F7} {
		b[2*i], b[2*i+1] = byte(group>>8), byte(group)
	}
	addr := netip.AddrFrom16(b)
	if a.IPv6.ScopeID != 0 && !addr.Is4In6() {
		addr = addr.WithZone(strconv.FormatUint(uint64(a.IPv6.ScopeID), 10))
	}
	return netip.AddrPortFrom(addr, a.IPv6.Port)
}

// toIP is an address as guests see it.
func toIP(a netip.Addr) network.IPAddress {
	if a.Is4() {
		b := a.As4()
		return network.IPAddressIPv4(network.IPv4Address{F0: b[0], F1: b[1], F2: b[2], F3: b[3]})
	}
	b := a.As16()
	group := func(i int) uint16 { return uint16(b[2*i])<<8 | uint16(b[2*i+1]) }
	return network.IPAddressIPv6(network.IPv6Address{
		F0: group(0), F1: group(1), F2: group(2), F3: group(3), F4: group(4), F5: group(5), F6: group(6), F7: group(7),
	})
}

// toAddress is an address and a port as guests see them.
func toAddress(a netip.AddrPort) network.IPSocketAddress {
	ip := toIP(a.Addr())
	if ip.Tag == network.IPAddressTagIPv4 {
		return network.IPSocketAddressIPv4(network.IPv4SocketAddress{Port: a.Port(), Address: ip.IPv4})
	}
	scope, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32)
	return network.IPSocketAddressIPv6(network.IPv6SocketAddress{Port: a.Port(), Address: ip.IPv6, ScopeID: uint32(scope)})
}

// checkFamily is an error when an address is not of the socket's family. An
// IPv4 address in IPv6 clothes is of neither.
func checkFamily(f network.IPAddressFamily, a netip.AddrPort) error {
	if a.Addr().Is4() != (f == network.IPAddressFamilyIPv4) || a.Addr().Is4In6() {
		return errInvalid
	}
	return nil
}

// checkRemote is an error when nothing can be sent to an address.
func checkRemote(f network.IPAddressFamily, a netip.AddrPort) error {
	if a.Port() == 0 || a.Addr().WithZone("").IsUnspecified() {
		return errInvalid
	}
	return checkFamily(f, a)
}

// stateError is an error that the host makes without asking the system.
type stateError network.ErrorCode

func (e stateError) Error() string { return network.ErrorCode(e).String() }

// Errors of sockets that this package makes itself.
const (
	errAccessDenied   = stateError(network.ErrorCodeAccessDenied)
	errTooManySockets = stateError(network.ErrorCodeNewSocketLimit)
	errState          = stateError(network.ErrorCodeInvalidState)
	errConflict       = stateError(network.ErrorCodeConcurrencyConflict)
	errNotInProgress  = stateError(network.ErrorCodeNotInProgress)
	errWouldBlock     = stateError(network.ErrorCodeWouldBlock)
	errUnresolvable   = stateError(network.ErrorCodeNameUnresolvable)
	errResolverBusy   = stateError(network.ErrorCodeTemporaryResolverFailure)
)

// socketCodes maps the system's error numbers to the interface's codes by name.
var socketCodes = map[syscall.Errno]network.ErrorCode{
	syscall.EACCES:          network.ErrorCodeAccessDenied,
	syscall.EPERM:           network.ErrorCodeAccessDenied,
	syscall.EOPNOTSUPP:      network.ErrorCodeNotSupported,
	syscall.EAFNOSUPPORT:    network.ErrorCodeNotSupported,
	syscall.EPROTONOSUPPORT: network.ErrorCodeNotSupported,
	syscall.ENOPROTOOPT:     network.ErrorCodeNotSupported,
	syscall.EPFNOSUPPORT:    network.ErrorCodeNotSupported,
	syscall.EINVAL:          network.ErrorCodeInvalidArgument,
	syscall.EDESTADDRREQ:    network.ErrorCodeInvalidArgument,
	syscall.ENOMEM:          network.ErrorCodeOutOfMemory,
	syscall.ENOBUFS:         network.ErrorCodeOutOfMemory,
	syscall.ETIMEDOUT:       network.ErrorCodeTimeout,
	syscall.EALREADY:        network.ErrorCodeConcurrencyConflict,
	syscall.EAGAIN:          network.ErrorCodeWouldBlock,
	syscall.EINPROGRESS:     network.ErrorCodeWouldBlock,
	syscall.EISCONN:         network.ErrorCodeInvalidState,
	syscall.ENOTCONN:        network.ErrorCodeInvalidState,
	syscall.EMFILE:          network.ErrorCodeNewSocketLimit,
	syscall.ENFILE:          network.ErrorCodeNewSocketLimit,
	syscall.EADDRNOTAVAIL:   network.ErrorCodeAddressNotBindable,
	syscall.EADDRINUSE:      network.ErrorCodeAddressInUse,
	syscall.EHOSTUNREACH:    network.ErrorCodeRemoteUnreachable,
	syscall.EHOSTDOWN:       network.ErrorCodeRemoteUnreachable,
	syscall.ENETUNREACH:     network.ErrorCodeRemoteUnreachable,
	syscall.ENETDOWN:        network.ErrorCodeRemoteUnreachable,
	syscall.ECONNREFUSED:    network.ErrorCodeConnectionRefused,
	syscall.ECONNRESET:      network.ErrorCodeConnectionReset,
	syscall.EPIPE:           network.ErrorCodeConnectionReset,
	syscall.ECONNABORTED:    network.ErrorCodeConnectionAborted,
	syscall.EMSGSIZE:        network.ErrorCodeDatagramTooLarge,
}

// socketCode is the interface's code for an error of a socket or of a look-up.
func socketCode(err error) network.ErrorCode {
	var (
		state stateError
		errno syscall.Errno
		dns   *net.DNSError
	)
	switch {
	case errors.As(err, &state):
		return network.ErrorCode(state)
	case errors.As(err, &dns):
		return resolverCode(dns)
	case errors.Is(err, syscall.ENOTSUP): // another name of EOPNOTSUPP, but not everywhere
		return network.ErrorCodeNotSupported
	case errors.As(err, &errno):
		return socketCodes[errno] // unknown is the zero code
	case errors.Is(err, os.ErrClosed):
		return network.ErrorCodeInvalidState
	case errors.Is(err, context.DeadlineExceeded):
		return network.ErrorCodeTimeout
	}
	return network.ErrorCodeUnknown
}

func resolverCode(err *net.DNSError) network.ErrorCode {
	switch {
	case err.IsNotFound:
		return network.ErrorCodeNameUnresolvable
	case err.IsTimeout, err.IsTemporary:
		return network.ErrorCodeTemporaryResolverFailure
	}
	return network.ErrorCodePermanentResolverFailure
}

// netResult is the answer of a sockets function.
type netResult[T any] = abi.Result[T, network.ErrorCode]

func netAnswer[T any](v T, err error) (netResult[T], error) {
	if err != nil {
		return netResult[T]{Err: socketCode(err), IsErr: true}, nil
	}
	return netResult[T]{OK: v}, nil
}

func netDone(err error) (netResult[abi.Unit], error) { return netAnswer(abi.Unit{}, err) }
