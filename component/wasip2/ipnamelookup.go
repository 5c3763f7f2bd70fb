package wasip2

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip2/internal/hostnet"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/sockets/ipnamelookup"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
)

const (
	// maxLookups is how many look-ups an instance may have under way.
	maxLookups = 16
	// lookupTimeout is how long one may take.
	lookupTimeout = 30 * time.Second
)

// ResolveAddresses looks a name up on a goroutine. An address as text needs no
// looking up, and so no permission to.
func (n *guestNetwork) ResolveAddresses(_ context.Context, v network.Network, name string) (netResult[ipnamelookup.ResolveAddressStream], error) {
	if err := n.checkNetwork(v); err != nil {
		return netResult[ipnamelookup.ResolveAddressStream]{}, err
	}
	return netAnswer(n.lookUp(name))
}

func (n *guestNetwork) lookUp(text string) (ipnamelookup.ResolveAddressStream, error) {
	if !n.policy.allowsAny() {
		return nil, errAccessDenied
	}
	literal := text
	if inner, ok := strings.CutPrefix(text, "["); ok {
		literal, _ = strings.CutSuffix(inner, "]")
	}
	if a, err := netip.ParseAddr(literal); err == nil && a.Zone() == "" {
		return &resolveAddressStream{network: n, addrs: []netip.Addr{a.Unmap()}}, nil
	}
	name, err := hostnet.Name(text)
	switch {
	case err != nil:
		return nil, errInvalid
	case !n.policy.allowsLookup(name):
		return nil, errAccessDenied
	case n.lookups.Load() >= maxLookups:
		return nil, errResolverBusy
	}
	n.lookups.Add(1)
	ctx, cancel := context.WithTimeout(n.host.alive, lookupTimeout)
	done := make(chan struct{})
	s := &resolveAddressStream{network: n, name: name, cancel: cancel, done: done}
	go func() {
		defer close(done)
		defer n.lookups.Add(-1)
		s.addrs, s.err = n.policy.resolve(ctx, name)
	}()
	return s, nil
}

// resolveAddressStream is what a name leads to.
type resolveAddressStream struct {
	network *guestNetwork
	name    string // empty when there is nothing to look up
	cancel  context.CancelFunc
	done    chan struct{} // closed when addrs and err are there; nil once that was seen

	addrs []netip.Addr
	err   error
}

// settle takes over what the look-up has found, if it has ended.
func (s *resolveAddressStream) settle() bool {
	if s.done == nil {
		return true
	}
	select {
	case <-s.done:
	default:
		return false
	}
	s.done = nil
	s.cancel()
	s.addrs = slices.Clone(s.addrs[:min(len(s.addrs), maxAddresses)])
	if s.err == nil && len(s.addrs) == 0 {
		s.err = errUnresolvable
	}
	for i, a := range s.addrs {
		s.addrs[i] = a.Unmap()
	}
	s.network.found.add(s.name, s.addrs)
	return true
}

func (s *resolveAddressStream) ResolveNextAddress(context.Context) (netResult[abi.Option[network.IPAddress]], error) {
	if !s.settle() {
		return netAnswer(abi.Option[network.IPAddress]{}, errWouldBlock)
	}
	if s.err != nil || len(s.addrs) == 0 {
		return netAnswer(abi.Option[network.IPAddress]{}, s.err)
	}
	a := s.addrs[0]
	s.addrs = s.addrs[1:]
	return netAnswer(abi.Option[network.IPAddress]{Value: toIP(a), Some: true}, nil)
}

func (s *resolveAddressStream) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{event{pending: func() <-chan struct{} { return s.done }}}, nil
}

// Drop ends a look-up that nobody waits for any more. It counts until it has
// ended, so that a guest cannot start any number.
func (s *resolveAddressStream) Drop(context.Context) error {
	if s.cancel != nil {
		s.cancel()
	}
	return nil
}
