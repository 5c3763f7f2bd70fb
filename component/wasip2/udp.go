package wasip2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip2/internal/hostnet"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
	"github.com/wasinn/wasinn/gen/wasi/sockets/udp"
)

// maxDatagrams is how many datagrams one call sends or receives, and
// maxUnwanted how many it passes over at most.
const (
	maxDatagrams = 16
	maxUnwanted  = 64
)

// udpSocket is a UDP socket. Its streams share its descriptor.
type udpSocket struct {
	*sharedSocket
	family  network.IPAddressFamily
	state   udpState
	failure error // of the binding

	// anyone may send to it: what it is bound to was allowed for listening.
	anyone bool
	// heard is who has sent last, whom the guest may answer.
	heard []netip.AddrPort
	// peer is the one remote address of the streams; not valid when they have any.
	peer netip.AddrPort
	// streams counts the pairs of streams made; only the last pair works.
	streams int
}

type udpState uint8

const (
	udpUnbound udpState = iota
	udpBinding
	udpBound
)

// CreateUDPSocket makes a socket of the system.
func (n *guestNetwork) CreateUDPSocket(_ context.Context, f network.IPAddressFamily) (netResult[udp.UDPSocket], error) {
	s, err := n.open(hostnet.UDP, f)
	if err != nil {
		return netAnswer[udp.UDPSocket](nil, err)
	}
	return netAnswer[udp.UDPSocket](&udpSocket{sharedSocket: &sharedSocket{network: n, socket: s, users: 1}, family: f}, nil)
}

func (s *udpSocket) Drop(context.Context) error { return s.close() }

// StartBind binds. Any free port of any address, which a client binds to, needs
// no rule for listening; datagrams come then from where the guest may send to.
func (s *udpSocket) StartBind(_ context.Context, v network.Network, local network.IPSocketAddress) (netResult[abi.Unit], error) {
	if err := s.network.checkNetwork(v); err != nil {
		return netResult[abi.Unit]{}, err
	}
	return netDone(s.startBind(fromAddress(local)))
}

func (s *udpSocket) startBind(a netip.AddrPort) error {
	switch s.state {
	case udpBinding:
		return errConflict
	case udpBound:
		return errState
	}
	if err := checkBind(s.family, a); err != nil {
		return err
	}
	s.anyone = s.network.policy.allowsListen(a)
	if !s.anyone && !anyAddress(a) {
		return errAccessDenied
	}
	s.state, s.failure = udpBinding, s.socket.Bind(hostnet.UDP, a)
	return nil
}

func (s *udpSocket) FinishBind(context.Context) (netResult[abi.Unit], error) {
	if s.state != udpBinding {
		return netDone(errNotInProgress)
	}
	s.state = udpBound
	if s.failure != nil {
		s.state = udpUnbound
	}
	return netDone(s.failure)
}

// Stream makes streams; those made before work no more.
func (s *udpSocket) Stream(_ context.Context, remote abi.Option[network.IPSocketAddress]) (netResult[abi.Tuple2[udp.IncomingDatagramStream, udp.OutgoingDatagramStream]], error) {
	var pair abi.Tuple2[udp.IncomingDatagramStream, udp.OutgoingDatagramStream]
	if err := s.connect(remote); err != nil {
		return netAnswer(pair, err)
	}
	s.streams++
	half := datagramStream{socket: s, number: s.streams}
	s.use()
	pair.F0 = &incomingDatagrams{half}
	s.use()
	pair.F1 = &outgoingDatagrams{datagramStream: half}
	return netAnswer(pair, nil)
}

// connect gives the socket its one remote address, or takes it away.
func (s *udpSocket) connect(remote abi.Option[network.IPSocketAddress]) error {
	if s.state != udpBound {
		return errState
	}
	var peer netip.AddrPort
	if remote.Some {
		peer = fromAddress(remote.Value)
		if err := checkRemote(s.family, peer); err != nil {
			return err
		}
		if err := s.network.mayConnect(peer); err != nil {
			return err
		}
	}
	if s.peer.IsValid() {
		if err := s.socket.Disconnect(); err != nil {
			return err
		}
		s.peer = netip.AddrPort{}
	}
	if peer.IsValid() {
		if err := s.socket.Connect(peer); err != nil {
			return err
		}
		s.peer = peer
	}
	return nil
}

func (s *udpSocket) LocalAddress(context.Context) (netResult[network.IPSocketAddress], error) {
	switch s.state {
	case udpUnbound:
		return netAnswer(network.IPSocketAddress{}, errState)
	case udpBinding:
		return netAnswer(network.IPSocketAddress{}, errConflict)
	}
	a, err := s.socket.LocalAddr()
	return netAnswer(toAddress(a), err)
}

func (s *udpSocket) RemoteAddress(context.Context) (netResult[network.IPSocketAddress], error) {
	if !s.peer.IsValid() {
		return netAnswer(network.IPSocketAddress{}, errState)
	}
	return netAnswer(toAddress(s.peer), nil)
}

func (s *udpSocket) AddressFamily(context.Context) (network.IPAddressFamily, error) {
	return s.family, nil
}

func (s *udpSocket) UnicastHopLimit(context.Context) (netResult[uint8], error) { return s.hopLimit() }

func (s *udpSocket) SetUnicastHopLimit(_ context.Context, v uint8) (netResult[abi.Unit], error) {
	return s.setHopLimit(v)
}

// Subscribe gives what is ready always, as binding does not take time.
func (s *udpSocket) Subscribe(context.Context) (poll.Pollable, error) { return &pollable{}, nil }

// datagramStream is what the two streams of a socket have in common.
type datagramStream struct {
	socket *udpSocket
	number int
}

func (d *datagramStream) check() error {
	if d.number != d.socket.streams {
		return errState
	}
	return nil
}

func (d *datagramStream) Drop(context.Context) error { return d.socket.close() }

type incomingDatagrams struct{ datagramStream }

func (d *incomingDatagrams) Receive(_ context.Context, max uint64) (netResult[[]udp.IncomingDatagram], error) {
	if err := d.check(); err != nil {
		return netAnswer[[]udp.IncomingDatagram](nil, err)
	}
	all, err := d.receive(int(min(max, maxDatagrams)))
	if len(all) > 0 {
		err = nil // it comes again
	}
	return netAnswer(all, err)
}

func (d *incomingDatagrams) receive(max int) (all []udp.IncomingDatagram, err error) {
	s := d.socket
	for unwanted := 0; len(all) < max && unwanted < maxUnwanted; {
		b := s.network.host.chunk()
		n, from, err := s.socket.RecvFrom(b)
		if errors.Is(err, syscall.EAGAIN) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if !d.wants(from) {
			unwanted++
			continue
		}
		s.hear(from)
		all = append(all, udp.IncomingDatagram{Data: bytes.Clone(b[:n]), RemoteAddress: toAddress(from)})
	}
	return all, nil
}

// wants tells whether a datagram is for the guest. One of before the socket had
// its remote address may still be there.
func (d *incomingDatagrams) wants(from netip.AddrPort) bool {
	s := d.socket
	if s.peer.IsValid() {
		return from == s.peer
	}
	return s.anyone || s.network.mayConnect(from) == nil
}

// maxHeard is how many senders a socket remembers.
const maxHeard = 256

// hear remembers a sender.
func (s *udpSocket) hear(from netip.AddrPort) {
	if slices.Contains(s.heard, from) {
		return
	}
	if len(s.heard) == maxHeard {
		s.heard = slices.Delete(s.heard, 0, 1)
	}
	s.heard = append(s.heard, from)
}

func (d *incomingDatagrams) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{d.socket.pending(hostnet.In)}, nil
}

type outgoingDatagrams struct {
	datagramStream
	permit uint64 // what check-send has allowed
}

func (d *outgoingDatagrams) CheckSend(context.Context) (netResult[uint64], error) {
	if err := d.check(); err != nil {
		return netAnswer(uint64(0), err)
	}
	d.permit = maxDatagrams
	if d.socket.socket.Pending(hostnet.Out) != nil {
		d.permit = 0
	}
	return netAnswer(d.permit, nil)
}

// Send traps when the guest sends more than check-send has allowed.
func (d *outgoingDatagrams) Send(_ context.Context, datagrams []udp.OutgoingDatagram) (netResult[uint64], error) {
	if err := d.check(); err != nil {
		return netAnswer(uint64(0), err)
	}
	if uint64(len(datagrams)) > d.permit {
		return netResult[uint64]{}, fmt.Errorf("send of %d datagrams: check-send has allowed %d", len(datagrams), d.permit)
	}
	d.permit -= uint64(len(datagrams))
	for i, g := range datagrams {
		if err := d.send(g); err != nil {
			if i > 0 || errors.Is(err, syscall.EAGAIN) {
				return netAnswer(uint64(i), nil)
			}
			return netAnswer(uint64(0), err)
		}
	}
	return netAnswer(uint64(len(datagrams)), nil)
}

// send sends one datagram: to the socket's remote address, or to its own where
// the socket has none.
func (d *outgoingDatagrams) send(g udp.OutgoingDatagram) error {
	s := d.socket
	var to netip.AddrPort
	switch {
	case g.RemoteAddress.Some:
		to = fromAddress(g.RemoteAddress.Value)
	case s.peer.IsValid():
		return s.socket.SendTo(g.Data, to)
	}
	if s.peer.IsValid() {
		if to != s.peer {
			return errInvalid
		}
		return s.socket.SendTo(g.Data, netip.AddrPort{})
	}
	if !to.IsValid() {
		return errInvalid
	}
	if err := checkRemote(s.family, to); err != nil {
		return err
	}
	if err := s.network.mayConnect(to); err != nil && !slices.Contains(s.heard, to) {
		return err
	}
	return s.socket.SendTo(g.Data, to)
}

func (d *outgoingDatagrams) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{d.socket.pending(hostnet.Out)}, nil
}
