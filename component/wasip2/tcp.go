package wasip2

import (
	"context"
	"errors"
	"io"
	"math"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasip2/internal/hostnet"
	"github.com/wasinn/wasinn/gen/wasi/clocks/monotonicclock"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
	"github.com/wasinn/wasinn/gen/wasi/sockets/tcp"
)

// tcpState is where a TCP socket stands. What WASI has in two parts, start and
// finish, is done in the first, but for connecting.
type tcpState uint8

const (
	tcpUnbound tcpState = iota
	tcpBinding
	tcpBound
	tcpConnecting
	tcpConnected
	tcpListenStarting
	tcpListening
	tcpClosed // connecting has failed
)

const (
	defaultBacklog = 128
	maxBacklog     = 4096
)

// tcpSocket is a TCP socket. The streams of its connection share its
// descriptor.
type tcpSocket struct {
	*sharedSocket
	family  network.IPAddressFamily
	state   tcpState
	failure error // of what was started
	backlog int
	in      *tcpInput // of the connection
	out     *tcpOutput
}

// CreateTCPSocket makes a socket of the system.
func (n *guestNetwork) CreateTCPSocket(_ context.Context, f network.IPAddressFamily) (netResult[tcp.TCPSocket], error) {
	s, err := n.open(hostnet.TCP, f)
	if err != nil {
		return netAnswer[tcp.TCPSocket](nil, err)
	}
	return netAnswer[tcp.TCPSocket](n.newTCP(s, f, tcpUnbound), nil)
}

func (n *guestNetwork) newTCP(s *hostnet.Socket, f network.IPAddressFamily, state tcpState) *tcpSocket {
	return &tcpSocket{sharedSocket: &sharedSocket{network: n, socket: s, users: 1}, family: f, state: state, backlog: defaultBacklog}
}

// sharedSocket is a socket of the host with the resources that use it. The last
// of them closes it.
type sharedSocket struct {
	network *guestNetwork
	socket  *hostnet.Socket
	users   int
}

func (s *sharedSocket) use() *sharedSocket {
	s.users++
	return s
}

func (s *sharedSocket) close() error {
	s.users--
	if s.users > 0 {
		return nil
	}
	return s.network.close(s.socket)
}

// pending is an event of a socket's direction.
func (s *sharedSocket) pending(d hostnet.Direction) event {
	return event{pending: func() <-chan struct{} { return s.socket.Pending(d) }}
}

func (s *tcpSocket) Drop(context.Context) error { return s.close() }

// require is an error unless the socket is in the state.
func (s *tcpSocket) require(state tcpState) error {
	switch s.state {
	case state:
		return nil
	case tcpBinding, tcpConnecting, tcpListenStarting:
		return errConflict
	}
	return errState
}

// finish ends what was started when state says that it was.
func (s *tcpSocket) finish(started, success, failure tcpState) error {
	if s.state != started {
		return errNotInProgress
	}
	s.state = success
	if s.failure != nil {
		s.state = failure
	}
	return s.failure
}

// StartBind binds. Any free port of any address, which a client binds to, needs
// no rule for listening until the guest listens.
func (s *tcpSocket) StartBind(_ context.Context, v network.Network, local network.IPSocketAddress) (netResult[abi.Unit], error) {
	if err := s.network.checkNetwork(v); err != nil {
		return netResult[abi.Unit]{}, err
	}
	return netDone(s.startBind(fromAddress(local)))
}

func (s *tcpSocket) startBind(a netip.AddrPort) error {
	if err := s.require(tcpUnbound); err != nil {
		return err
	}
	if err := checkBind(s.family, a); err != nil {
		return err
	}
	if !s.network.policy.allowsListen(a) && !anyAddress(a) {
		return errAccessDenied
	}
	s.state, s.failure = tcpBinding, s.socket.Bind(hostnet.TCP, a)
	return nil
}

// anyAddress tells whether an address stands for any free port of this machine.
func anyAddress(a netip.AddrPort) bool { return a.Port() == 0 && a.Addr().IsUnspecified() }

// broadcast is everyone on the local network.
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// checkBind is an error when no socket can be bound to an address.
func checkBind(f network.IPAddressFamily, a netip.AddrPort) error {
	if a.Addr().IsMulticast() || a.Addr() == broadcast {
		return errInvalid
	}
	return checkFamily(f, a)
}

func (s *tcpSocket) FinishBind(context.Context) (netResult[abi.Unit], error) {
	return netDone(s.finish(tcpBinding, tcpBound, tcpUnbound))
}

// StartConnect begins to connect, when the policy allows the address.
func (s *tcpSocket) StartConnect(_ context.Context, v network.Network, remote network.IPSocketAddress) (netResult[abi.Unit], error) {
	if err := s.network.checkNetwork(v); err != nil {
		return netResult[abi.Unit]{}, err
	}
	return netDone(s.startConnect(fromAddress(remote)))
}

func (s *tcpSocket) startConnect(a netip.AddrPort) error {
	if s.state != tcpBound {
		if err := s.require(tcpUnbound); err != nil {
			return err
		}
	}
	if a.Addr().IsMulticast() || a.Addr() == broadcast {
		return errInvalid
	}
	if err := checkRemote(s.family, a); err != nil {
		return err
	}
	if err := s.network.mayConnect(a); err != nil {
		return err
	}
	s.state, s.failure = tcpConnecting, s.socket.Connect(a)
	return nil
}

func (s *tcpSocket) FinishConnect(context.Context) (netResult[abi.Tuple2[streams.InputStream, streams.OutputStream]], error) {
	var none abi.Tuple2[streams.InputStream, streams.OutputStream]
	if s.state == tcpConnecting && errors.Is(s.failure, syscall.EINPROGRESS) {
		if s.socket.Pending(hostnet.Out) != nil {
			return netAnswer(none, errWouldBlock)
		}
		s.failure = s.socket.Err()
	}
	if err := s.finish(tcpConnecting, tcpConnected, tcpClosed); err != nil {
		return netAnswer(none, err)
	}
	in, out := s.streams()
	return netAnswer(abi.Tuple2[streams.InputStream, streams.OutputStream]{F0: in, F1: out}, nil)
}

// streams makes the streams of a connection.
func (s *tcpSocket) streams() (in *inputStream, out *outputStream) {
	s.in, s.out = &tcpInput{shared: s.use()}, &tcpOutput{shared: s.use()}
	return &inputStream{in: s.in}, &outputStream{out: s.out}
}

// StartListen listens, when the policy allows the address that the socket is
// bound to.
func (s *tcpSocket) StartListen(context.Context) (netResult[abi.Unit], error) {
	return netDone(s.startListen())
}

func (s *tcpSocket) startListen() error {
	if err := s.require(tcpBound); err != nil {
		return err
	}
	a, err := s.socket.LocalAddr()
	if err != nil {
		return err
	}
	if !s.network.policy.allowsListen(a) && !s.network.policy.allowsListen(netip.AddrPortFrom(a.Addr(), 0)) {
		return errAccessDenied
	}
	s.state, s.failure = tcpListenStarting, s.socket.Listen(s.backlog)
	return nil
}

func (s *tcpSocket) FinishListen(context.Context) (netResult[abi.Unit], error) {
	return netDone(s.finish(tcpListenStarting, tcpListening, tcpClosed))
}

func (s *tcpSocket) Accept(context.Context) (netResult[abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream]], error) {
	c, err := s.accept()
	if err != nil {
		return netAnswer(abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream]{}, err)
	}
	in, out := c.streams()
	return netAnswer(abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream]{F0: c, F1: in, F2: out}, nil)
}

func (s *tcpSocket) accept() (*tcpSocket, error) {
	if s.state != tcpListening {
		return nil, errState
	}
	n := s.network
	if n.sockets >= n.policy.maxSockets() {
		return nil, errTooManySockets
	}
	c, err := s.socket.Accept()
	if err != nil {
		return nil, err
	}
	n.sockets++
	return n.newTCP(c, s.family, tcpConnected), nil
}

func (s *tcpSocket) LocalAddress(context.Context) (netResult[network.IPSocketAddress], error) {
	if s.state == tcpUnbound || s.state == tcpClosed {
		return netAnswer(network.IPSocketAddress{}, errState)
	}
	if s.state == tcpBinding {
		return netAnswer(network.IPSocketAddress{}, errConflict)
	}
	a, err := s.socket.LocalAddr()
	return netAnswer(toAddress(a), err)
}

func (s *tcpSocket) RemoteAddress(context.Context) (netResult[network.IPSocketAddress], error) {
	if err := s.require(tcpConnected); err != nil {
		return netAnswer(network.IPSocketAddress{}, err)
	}
	a, err := s.socket.RemoteAddr()
	return netAnswer(toAddress(a), err)
}

func (s *tcpSocket) IsListening(context.Context) (bool, error) { return s.state == tcpListening, nil }

func (s *tcpSocket) AddressFamily(context.Context) (network.IPAddressFamily, error) {
	return s.family, nil
}

// SetListenBacklogSize has an effect at once where the socket listens.
func (s *tcpSocket) SetListenBacklogSize(_ context.Context, v uint64) (netResult[abi.Unit], error) {
	if v == 0 {
		return netDone(errInvalid)
	}
	backlog := int(min(v, maxBacklog))
	switch s.state {
	case tcpUnbound, tcpBinding, tcpBound:
		s.backlog = backlog
		return netDone(nil)
	case tcpListening:
		return netDone(s.socket.Listen(backlog))
	case tcpConnecting, tcpListenStarting:
		return netDone(errConflict)
	}
	return netDone(errState)
}

func (s *tcpSocket) KeepAliveEnabled(context.Context) (netResult[bool], error) {
	v, err := s.socket.Option(hostnet.KeepAlive)
	return netAnswer(v != 0, err)
}

func (s *tcpSocket) SetKeepAliveEnabled(_ context.Context, on bool) (netResult[abi.Unit], error) {
	v := 0
	if on {
		v = 1
	}
	return netDone(s.socket.SetOption(hostnet.KeepAlive, v))
}

// maxKeepAlive is the longest time in seconds that systems take.
const maxKeepAlive = math.MaxInt16

// seconds returns a time option in nanoseconds.
func (s *sharedSocket) seconds(o hostnet.Option) (netResult[monotonicclock.Duration], error) {
	v, err := s.socket.Option(o)
	return netAnswer(uint64(v)*uint64(time.Second), err)
}

// setSeconds sets a time option, to whole seconds that are no less.
func (s *sharedSocket) setSeconds(o hostnet.Option, d monotonicclock.Duration) (netResult[abi.Unit], error) {
	if d == 0 {
		return netDone(errInvalid)
	}
	v := (d-1)/uint64(time.Second) + 1
	return netDone(s.socket.SetOption(o, int(min(v, maxKeepAlive))))
}

func (s *tcpSocket) KeepAliveIdleTime(context.Context) (netResult[monotonicclock.Duration], error) {
	return s.seconds(hostnet.KeepAliveIdle)
}

func (s *tcpSocket) SetKeepAliveIdleTime(_ context.Context, d monotonicclock.Duration) (netResult[abi.Unit], error) {
	return s.setSeconds(hostnet.KeepAliveIdle, d)
}

func (s *tcpSocket) KeepAliveInterval(context.Context) (netResult[monotonicclock.Duration], error) {
	return s.seconds(hostnet.KeepAliveInterval)
}

func (s *tcpSocket) SetKeepAliveInterval(_ context.Context, d monotonicclock.Duration) (netResult[abi.Unit], error) {
	return s.setSeconds(hostnet.KeepAliveInterval, d)
}

func (s *tcpSocket) KeepAliveCount(context.Context) (netResult[uint32], error) {
	v, err := s.socket.Option(hostnet.KeepAliveCount)
	return netAnswer(uint32(v), err)
}

// maxKeepAliveCount is the most probes that systems take.
const maxKeepAliveCount = math.MaxInt8

func (s *tcpSocket) SetKeepAliveCount(_ context.Context, v uint32) (netResult[abi.Unit], error) {
	if v == 0 {
		return netDone(errInvalid)
	}
	return netDone(s.socket.SetOption(hostnet.KeepAliveCount, int(min(v, maxKeepAliveCount))))
}

func (s *tcpSocket) HopLimit(context.Context) (netResult[uint8], error) { return s.hopLimit() }

func (s *tcpSocket) SetHopLimit(_ context.Context, v uint8) (netResult[abi.Unit], error) {
	return s.setHopLimit(v)
}

func (s *sharedSocket) hopLimit() (netResult[uint8], error) {
	v, err := s.socket.Option(hostnet.HopLimit)
	return netAnswer(uint8(v), err)
}

func (s *sharedSocket) setHopLimit(v uint8) (netResult[abi.Unit], error) {
	if v == 0 {
		return netDone(errInvalid)
	}
	return netDone(s.socket.SetOption(hostnet.HopLimit, int(v)))
}

// maxSocketBuffer is the most bytes of a buffer of the system that a guest can
// ask for; it has two for each socket.
const maxSocketBuffer = 1 << 20

func (s *sharedSocket) ReceiveBufferSize(context.Context) (netResult[uint64], error) {
	v, err := s.socket.Option(hostnet.ReceiveBuffer)
	return netAnswer(uint64(v), err)
}

func (s *sharedSocket) SetReceiveBufferSize(_ context.Context, v uint64) (netResult[abi.Unit], error) {
	return s.setBuffer(hostnet.ReceiveBuffer, v)
}

func (s *sharedSocket) SendBufferSize(context.Context) (netResult[uint64], error) {
	v, err := s.socket.Option(hostnet.SendBuffer)
	return netAnswer(uint64(v), err)
}

func (s *sharedSocket) SetSendBufferSize(_ context.Context, v uint64) (netResult[abi.Unit], error) {
	return s.setBuffer(hostnet.SendBuffer, v)
}

func (s *sharedSocket) setBuffer(o hostnet.Option, v uint64) (netResult[abi.Unit], error) {
	if v == 0 {
		return netDone(errInvalid)
	}
	return netDone(s.socket.SetOption(o, int(min(v, maxSocketBuffer))))
}

// Subscribe waits for what the socket is about when the pollable is polled.
func (s *tcpSocket) Subscribe(context.Context) (poll.Pollable, error) {
	return &pollable{event{pending: func() <-chan struct{} {
		switch s.state {
		case tcpConnecting:
			if errors.Is(s.failure, syscall.EINPROGRESS) {
				return s.socket.Pending(hostnet.Out)
			}
		case tcpListening:
			return s.socket.Pending(hostnet.In)
		}
		return nil
	}}}, nil
}

func (s *tcpSocket) Shutdown(_ context.Context, t tcp.ShutdownType) (netResult[abi.Unit], error) {
	if err := s.require(tcpConnected); err != nil {
		return netDone(err)
	}
	var in, out error
	if t == tcp.ShutdownTypeReceive || t == tcp.ShutdownTypeBoth {
		s.in.shut = true
		in = s.socket.Shutdown(hostnet.In)
	}
	if t == tcp.ShutdownTypeSend || t == tcp.ShutdownTypeBoth {
		out = s.out.shutdown()
	}
	for _, err := range []error{in, out} {
		if err != nil && !errors.Is(err, syscall.ENOTCONN) { // the other end was first
			return netDone(err)
		}
	}
	return netDone(nil)
}

// tcpInput reads a connection, straight from the system's buffer.
type tcpInput struct {
	shared *sharedSocket
	shut   bool // by the guest; the system would still give what has come
}

func (i *tcpInput) take(n int) ([]byte, error) {
	switch {
	case i.shut:
		return nil, io.EOF
	case n == 0:
		return nil, nil
	}
	b := i.shared.network.host.chunk()[:n]
	n, err := i.shared.socket.Recv(b)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, nil
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	}
	return b[:n], nil
}

func (i *tcpInput) event() event { return i.shared.pending(hostnet.In) }
func (i *tcpInput) close() error { return i.shared.close() }

// tcpOutput writes to a connection. What the system does not take of a write,
// which is a chunk at most, a goroutine sends.
type tcpOutput struct {
	shared *sharedSocket

	mu    sync.Mutex
	rest  []byte
	sent  chan struct{} // closed when there is no rest; nil without the goroutine
	err   error         // of the goroutine
	ended bool          // by the guest: what is there is sent, and no more
}

// failed is why nothing more can be written, or nil.
func (o *tcpOutput) failed() error {
	if o.ended {
		return io.EOF
	}
	return o.err
}

func (o *tcpOutput) permit() (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.failed(); err != nil {
		return 0, err
	}
	if o.sent != nil || o.shared.socket.Pending(hostnet.Out) != nil {
		return 0, nil
	}
	return chunkSize, nil
}

func (o *tcpOutput) ready() event {
	return event{pending: func() <-chan struct{} {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case o.failed() != nil:
			return nil
		case o.sent != nil:
			return o.sent
		}
		return o.shared.socket.Pending(hostnet.Out)
	}}
}

func (o *tcpOutput) write(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.failed(); err != nil || len(b) == 0 {
		return err
	}
	n := 0
	if o.sent == nil {
		var err error
		if n, err = o.shared.socket.Send(b); err != nil && !errors.Is(err, syscall.EAGAIN) {
			o.err = err
			return err
		}
	}
	if n == len(b) {
		return nil
	}
	o.rest = append(o.rest, b[n:]...)
	if o.sent == nil {
		o.sent = make(chan struct{})
		go o.send(o.rest)
	}
	return nil
}

// send sends the rest until there is none, the connection ends or the socket is
// closed.
func (o *tcpOutput) send(rest []byte) {
	for {
		if ch := o.shared.socket.Pending(hostnet.Out); ch != nil {
			<-ch
			continue
		}
		n, err := o.shared.socket.Send(rest)
		if errors.Is(err, syscall.EAGAIN) {
			err = nil
		}
		if rest = o.sentSome(n, err); rest == nil {
			return
		}
	}
}

// sentSome takes the n bytes sent off the rest and returns what is left.
func (o *tcpOutput) sentSome(n int, err error) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest, o.err = o.rest[n:], err
	if len(o.rest) > 0 && err == nil {
		return o.rest
	}
	o.rest = nil
	close(o.sent)
	o.sent = nil
	if o.ended && err == nil {
		_ = o.shared.socket.Shutdown(hostnet.Out) // nobody is left to be told
	}
	return nil
}

func (o *tcpOutput) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed()
}

func (o *tcpOutput) flushed() event {
	return event{pending: func() <-chan struct{} {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.sent
	}}
}

// shutdown ends the writing, after what was written before.
func (o *tcpOutput) shutdown() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.sent != nil {
		return nil
	}
	return o.shared.socket.Shutdown(hostnet.Out)
}

func (o *tcpOutput) close() error { return o.shared.close() }
