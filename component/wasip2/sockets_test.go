package wasip2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
	"github.com/wasinn/wasinn/gen/wasi/sockets/ipnamelookup"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
	"github.com/wasinn/wasinn/gen/wasi/sockets/tcp"
	"github.com/wasinn/wasinn/gen/wasi/sockets/udp"
)

func rules(t *testing.T, texts ...string) (all []AddressRule) {
	t.Helper()
	for _, s := range texts {
		r, err := ParseAddressRule(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func socketHost(t *testing.T, p SocketPolicy) *host {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("there are no sockets for guests on " + runtime.GOOS)
	}
	return testHost(t, NewConfig().WithSockets(p))
}

func address(s string) network.IPSocketAddress { return toAddress(netip.MustParseAddrPort(s)) }

func block(t *testing.T, p poll.Pollable, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err == nil {
		err = p.Block(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

type unit = abi.Unit
type netCode = network.ErrorCode

func newTCP(t *testing.T, h *host) tcp.TCPSocket {
	t.Helper()
	return ok[tcp.TCPSocket, netCode](t)(h.network.CreateTCPSocket(context.Background(), network.IPAddressFamilyIPv4))
}

// dial connects a guest's socket.
func dial(t *testing.T, h *host, addr string) (s tcp.TCPSocket, in streams.InputStream, out streams.OutputStream) {
	t.Helper()
	ctx := context.Background()
	s = newTCP(t, h)
	ok[unit, netCode](t)(s.StartConnect(ctx, h.network, address(addr)))
	p, err := s.Subscribe(ctx)
	block(t, p, err)
	pair := ok[abi.Tuple2[streams.InputStream, streams.OutputStream], netCode](t)(s.FinishConnect(ctx))
	return s, pair.F0, pair.F1
}

func listener(t *testing.T) (l net.Listener, addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().String()
}

func TestAGuestConnectsWhereItMay(t *testing.T) {
	ctx := context.Background()
	l, addr := listener(t)
	go func() {
		if c, err := l.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	h := socketHost(t, SocketPolicy{Connect: rules(t, addr)})
	s, in, out := dial(t, h, addr)
	if got := ok[network.IPSocketAddress, netCode](t)(s.RemoteAddress(ctx)); got != address(addr) {
		t.Errorf("remote address %v, want %s", got, addr)
	}
	text := strings.Repeat("hello ", 1000)
	ok[unit, streams.StreamError](t)(out.BlockingWriteAndFlush(ctx, []byte(text)))
	ok[unit, netCode](t)(s.Shutdown(ctx, tcp.ShutdownTypeSend))
	var got strings.Builder
	for {
		r, err := in.BlockingRead(ctx, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if r.IsErr {
			break
		}
		got.Write(r.OK)
	}
	if got.String() != text {
		t.Errorf("%d bytes came back of %d", got.Len(), len(text))
	}
	for _, d := range []abi.Dropper{in, out, s} {
		if err := d.Drop(ctx); err != nil {
			t.Error(err)
		}
	}
	if h.network.sockets != 0 {
		t.Errorf("%d sockets are counted after all were dropped", h.network.sockets)
	}
}

func TestAGuestServes(t *testing.T) {
	ctx := context.Background()
	h := socketHost(t, SocketPolicy{Listen: rules(t, "127.0.0.1:0")})
	s := newTCP(t, h)
	ok[unit, netCode](t)(s.StartBind(ctx, h.network, address("127.0.0.1:0")))
	ok[unit, netCode](t)(s.FinishBind(ctx))
	ok[unit, netCode](t)(s.StartListen(ctx))
	ok[unit, netCode](t)(s.FinishListen(ctx))
	accept := func() (abi.Result[abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream], netCode], error) {
		return s.Accept(ctx)
	}
	if got := code[abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream], netCode](t)(accept()); got != network.ErrorCodeWouldBlock {
		t.Errorf("accept of nobody: %v", got)
	}
	local := fromAddress(ok[network.IPSocketAddress, netCode](t)(s.LocalAddress(ctx)))
	sent := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp4", local.String())
		if err == nil {
			_, err = c.Write([]byte("hello"))
			c.Close()
		}
		sent <- err
	}()
	p, err := s.Subscribe(ctx)
	block(t, p, err)
	c := ok[abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream], netCode](t)(accept())
	if b := ok[[]byte, streams.StreamError](t)(c.F1.BlockingRead(ctx, 100)); string(b) != "hello" {
		t.Errorf("read %q", b)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestPollWaitsForSocketsAndClocksTogether(t *testing.T) {
	ctx := context.Background()
	l, addr := listener(t)
	h := socketHost(t, SocketPolicy{Connect: rules(t, addr)})
	_, in, _ := dial(t, h, addr)
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	reading, _ := in.Subscribe(ctx)
	short, _ := monotonicHost{h}.SubscribeDuration(ctx, uint64(20*time.Millisecond))
	long, _ := monotonicHost{h}.SubscribeDuration(ctx, uint64(time.Hour))
	if got, err := (pollHost{}).Poll(ctx, []poll.Pollable{reading, short, long}); err != nil || !slices.Equal(got, []uint32{1}) {
		t.Errorf("nothing was sent, and poll says %v, %v", got, err)
	}
	time.AfterFunc(20*time.Millisecond, func() { peer.Write([]byte("x")) })
	if got, err := (pollHost{}).Poll(ctx, []poll.Pollable{long, reading}); err != nil || !slices.Equal(got, []uint32{1}) {
		t.Errorf("a byte was sent, and poll says %v, %v", got, err)
	}
	ok[[]byte, streams.StreamError](t)(in.Read(ctx, 1))
	late, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := in.BlockingRead(late, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read whose context ends: %v", err)
	}
}

func TestAPeerThatDoesNotReadHoldsTheWriterBack(t *testing.T) {
	ctx := context.Background()
	l, addr := listener(t)
	h := socketHost(t, SocketPolicy{Connect: rules(t, addr)})
	s, _, out := dial(t, h, addr)
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	chunk := bytes.Repeat([]byte("x"), chunkSize)
	total := 0
	for {
		n := ok[uint64, streams.StreamError](t)(out.CheckWrite(ctx))
		if n == 0 {
			break
		}
		ok[unit, streams.StreamError](t)(out.Write(ctx, chunk[:n]))
		if total += int(n); total > 64<<20 {
			t.Fatal("64 MiB were taken though nobody reads")
		}
	}
	if rest := len(out.(*outputStream).out.(*tcpOutput).rest); rest > chunkSize {
		t.Errorf("%d bytes are kept", rest)
	}
	late, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := out.BlockingWriteAndFlush(late, chunk); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write that waits: %v", err)
	}
	read := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, peer)
		read <- n
	}()
	late, cancel = context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ok[unit, streams.StreamError](t)(out.BlockingFlush(late))
	ok[unit, netCode](t)(s.Shutdown(ctx, tcp.ShutdownTypeSend))
	if n := <-read; n != int64(total) {
		t.Errorf("%d bytes arrived of %d", n, total)
	}
}

func TestAddressesAreRefusedByPolicy(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		policy  SocketPolicy
		connect string
		listen  string
		want    netCode
	}{
		{"a port that was not allowed", SocketPolicy{Connect: rules(t, "127.0.0.1:1")}, "127.0.0.1:2", "", network.ErrorCodeAccessDenied},
		{"connecting where listening was allowed", SocketPolicy{Listen: rules(t, "127.0.0.1:1")}, "127.0.0.1:1", "", network.ErrorCodeAccessDenied},
		{"listening where connecting was allowed", SocketPolicy{Connect: rules(t, "127.0.0.1")}, "", "127.0.0.1:0", network.ErrorCodeAccessDenied},
		{"listening on all addresses where one was allowed", SocketPolicy{Listen: rules(t, "127.0.0.1")}, "", "0.0.0.0:0", network.ErrorCodeAccessDenied},
		{"an address that names only lead to", SocketPolicy{Connect: rules(t, "example.com")}, "93.184.216.34:80", "", network.ErrorCodeAccessDenied},
		{"no address at all", SocketPolicy{Connect: rules(t, "*")}, "0.0.0.0:80", "", network.ErrorCodeInvalidArgument},
		{"port 0", SocketPolicy{Connect: rules(t, "*")}, "127.0.0.1:0", "", network.ErrorCodeInvalidArgument},
		{"many receivers", SocketPolicy{Connect: rules(t, "*")}, "224.0.0.1:80", "", network.ErrorCodeInvalidArgument},
		{"another family", SocketPolicy{Connect: rules(t, "*")}, "[::1]:80", "", network.ErrorCodeInvalidArgument},
		{"IPv4 in IPv6 clothes", SocketPolicy{Connect: rules(t, "*")}, "[::ffff:127.0.0.1]:80", "", network.ErrorCodeInvalidArgument},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := socketHost(t, c.policy)
			s := newTCP(t, h)
			defer s.Drop(ctx)
			if c.connect != "" {
				if got := code[unit, netCode](t)(s.StartConnect(ctx, h.network, address(c.connect))); got != c.want {
					t.Errorf("connect: %v, want %v", got, c.want)
				}
				return
			}
			r, err := s.StartBind(ctx, h.network, address(c.listen))
			if err == nil && !r.IsErr {
				ok[unit, netCode](t)(s.FinishBind(ctx))
				r, err = s.StartListen(ctx)
			}
			if got := code[unit, netCode](t)(r, err); got != c.want {
				t.Errorf("listen: %v, want %v", got, c.want)
			}
		})
	}
}

func TestThereIsALimitToSockets(t *testing.T) {
	ctx := context.Background()
	l, addr := listener(t)
	h := socketHost(t, SocketPolicy{Connect: rules(t, "*"), Listen: rules(t, "*"), MaxSockets: 2})
	a, b := newTCP(t, h), newTCP(t, h)
	if got := code[tcp.TCPSocket, netCode](t)(h.network.CreateTCPSocket(ctx, network.IPAddressFamilyIPv4)); got != network.ErrorCodeNewSocketLimit {
		t.Errorf("one socket too many: %v", got)
	}
	if got := code[udp.UDPSocket, netCode](t)(h.network.CreateUDPSocket(ctx, network.IPAddressFamilyIPv4)); got != network.ErrorCodeNewSocketLimit {
		t.Errorf("one UDP socket too many: %v", got)
	}
	a.Drop(ctx)
	ok[unit, netCode](t)(b.StartBind(ctx, h.network, address("127.0.0.1:0")))
	ok[unit, netCode](t)(b.FinishBind(ctx))
	ok[unit, netCode](t)(b.StartListen(ctx))
	ok[unit, netCode](t)(b.FinishListen(ctx))
	s, in, out := dial(t, h, addr)
	if got := code[abi.Tuple3[tcp.TCPSocket, streams.InputStream, streams.OutputStream], netCode](t)(b.Accept(ctx)); got != network.ErrorCodeNewSocketLimit {
		t.Errorf("accept of one socket too many: %v", got)
	}
	s.Drop(ctx) // its streams keep the socket
	in.Drop(ctx)
	if h.network.sockets != 2 {
		t.Errorf("%d sockets are counted, want 2", h.network.sockets)
	}
	out.Drop(ctx)
	b.Drop(ctx)
	l.Close()
	if h.network.sockets != 0 {
		t.Errorf("%d sockets are counted after all were dropped", h.network.sockets)
	}
}

func TestNothingGoesOnAfterClose(t *testing.T) {
	ctx := context.Background()
	l, addr := listener(t)
	before := runtime.NumGoroutine()
	h := socketHost(t, SocketPolicy{Connect: rules(t, "*"), Resolve: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	s, in, out := dial(t, h, addr)
	reading, _ := in.Subscribe(ctx)
	if ready, _ := reading.Ready(ctx); ready {
		t.Error("there is something to read")
	}
	for { // until the rest of a write waits
		n := ok[uint64, streams.StreamError](t)(out.CheckWrite(ctx))
		if n == 0 {
			break
		}
		ok[unit, streams.StreamError](t)(out.Write(ctx, make([]byte, n)))
	}
	ok[ipnamelookup.ResolveAddressStream, netCode](t)(h.network.ResolveAddresses(ctx, h.network, "example.com"))
	if runtime.NumGoroutine() == before {
		t.Error("nothing waits")
	}
	for _, d := range []abi.Dropper{s, in, out} {
		d.Drop(ctx)
	}
	h.Close(ctx)
	l.Close()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	if ready, _ := reading.Ready(ctx); !ready {
		t.Error("a pollable of a closed socket is not ready")
	}
}

func newUDP(t *testing.T, h *host, bind string) udp.UDPSocket {
	t.Helper()
	ctx := context.Background()
	s := ok[udp.UDPSocket, netCode](t)(h.network.CreateUDPSocket(ctx, network.IPAddressFamilyIPv4))
	ok[unit, netCode](t)(s.StartBind(ctx, h.network, address(bind)))
	ok[unit, netCode](t)(s.FinishBind(ctx))
	return s
}

type datagramStreams = abi.Tuple2[udp.IncomingDatagramStream, udp.OutgoingDatagramStream]

func someAddress(a netip.AddrPort) abi.Option[network.IPSocketAddress] {
	return abi.Option[network.IPSocketAddress]{Value: toAddress(a), Some: true}
}

func TestDatagramsComeAndGo(t *testing.T) {
	ctx := context.Background()
	h := socketHost(t, SocketPolicy{Listen: rules(t, "127.0.0.1:0")})
	s := newUDP(t, h, "127.0.0.1:0")
	local := fromAddress(ok[network.IPSocketAddress, netCode](t)(s.LocalAddress(ctx)))
	pair := ok[datagramStreams, netCode](t)(s.Stream(ctx, abi.Option[network.IPSocketAddress]{}))
	peer, err := net.Dial("udp4", local.String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if got := ok[[]udp.IncomingDatagram, netCode](t)(pair.F0.Receive(ctx, 10)); len(got) != 0 {
		t.Errorf("received %v of nothing", got)
	}
	for range 40 {
		peer.Write([]byte("hello"))
	}
	p, err := pair.F0.Subscribe(ctx)
	block(t, p, err)
	got := ok[[]udp.IncomingDatagram, netCode](t)(pair.F0.Receive(ctx, 1<<40))
	if len(got) == 0 || len(got) > maxDatagrams || string(got[0].Data) != "hello" {
		t.Fatalf("received %v", got)
	}
	answer := udp.OutgoingDatagram{Data: []byte("answer"), RemoteAddress: someAddress(fromAddress(got[0].RemoteAddress))}
	ok[uint64, netCode](t)(pair.F1.CheckSend(ctx))
	if n := ok[uint64, netCode](t)(pair.F1.Send(ctx, []udp.OutgoingDatagram{answer})); n != 1 {
		t.Errorf("sent %d", n)
	}
	b := make([]byte, 100)
	if n, err := peer.Read(b); err != nil || string(b[:n]) != "answer" {
		t.Errorf("the peer has read %q, %v", b[:n], err)
	}
	stranger := udp.OutgoingDatagram{Data: []byte("x"), RemoteAddress: someAddress(netip.MustParseAddrPort("127.0.0.2:9"))}
	if got := code[uint64, netCode](t)(pair.F1.Send(ctx, []udp.OutgoingDatagram{stranger})); got != network.ErrorCodeAccessDenied {
		t.Errorf("sending to whom nothing was heard of: %v", got)
	}
	if _, err := pair.F1.Send(ctx, make([]udp.OutgoingDatagram, maxDatagrams)); err == nil {
		t.Error("sending more than check-send allowed did not trap")
	}
	ok[datagramStreams, netCode](t)(s.Stream(ctx, abi.Option[network.IPSocketAddress]{}))
	if got := code[[]udp.IncomingDatagram, netCode](t)(pair.F0.Receive(ctx, 1)); got != network.ErrorCodeInvalidState {
		t.Errorf("a stream of before: %v", got)
	}
}

func TestAClientGetsDatagramsOnlyFromWhereItMaySend(t *testing.T) {
	ctx := context.Background()
	friend, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer friend.Close()
	stranger, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	h := socketHost(t, SocketPolicy{Connect: rules(t, friend.LocalAddr().String())})
	s := newUDP(t, h, "0.0.0.0:0")
	local := fromAddress(ok[network.IPSocketAddress, netCode](t)(s.LocalAddress(ctx)))
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), local.Port()))
	pair := ok[datagramStreams, netCode](t)(s.Stream(ctx, abi.Option[network.IPSocketAddress]{}))
	stranger.WriteTo([]byte("strange"), to)
	friend.WriteTo([]byte("friendly"), to)
	var got []udp.IncomingDatagram
	for len(got) == 0 {
		p, err := pair.F0.Subscribe(ctx)
		block(t, p, err)
		got = ok[[]udp.IncomingDatagram, netCode](t)(pair.F0.Receive(ctx, 10))
	}
	if len(got) != 1 || string(got[0].Data) != "friendly" {
		t.Errorf("received %v", got)
	}
	if got := code[datagramStreams, netCode](t)(s.Stream(ctx, someAddress(netip.MustParseAddrPort(stranger.LocalAddr().String())))); got != network.ErrorCodeAccessDenied {
		t.Errorf("connecting to a stranger: %v", got)
	}
}

// next waits for an address of a look-up.
func next(t *testing.T, s ipnamelookup.ResolveAddressStream) (abi.Result[abi.Option[network.IPAddress], netCode], error) {
	t.Helper()
	p, err := s.Subscribe(context.Background())
	block(t, p, err)
	return s.ResolveNextAddress(context.Background())
}

func TestNamesAreLookedUp(t *testing.T) {
	ctx := context.Background()
	h := socketHost(t, SocketPolicy{Connect: rules(t, "localhost:80"), Lookup: rules(t, "*.test", "slow")})
	look := func(name string) (abi.Result[ipnamelookup.ResolveAddressStream, netCode], error) {
		return h.network.ResolveAddresses(ctx, h.network, name)
	}
	h.cfg.sockets.Resolve = func(_ context.Context, name string) ([]netip.Addr, error) {
		switch name {
		case "localhost":
			return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("::1")}, nil
		case "many.test":
			return slices.Repeat([]netip.Addr{netip.MustParseAddr("8.8.8.8")}, 1000), nil
		case "none.test":
			return nil, &net.DNSError{IsNotFound: true}
		case "busy.test":
			return nil, &net.DNSError{IsTimeout: true}
		}
		return nil, &net.DNSError{}
	}
	s := ok[ipnamelookup.ResolveAddressStream, netCode](t)(look("LocalHost."))
	var got []string
	for {
		a := ok[abi.Option[network.IPAddress], netCode](t)(next(t, s))
		if !a.Some {
			break
		}
		got = append(got, fromIP(a.Value).String())
	}
	if want := []string{"127.0.0.1", "::1"}; !slices.Equal(got, want) {
		t.Errorf("localhost is %v, want %v", got, want)
	}
	for name, want := range map[string]string{"10.1.2.3": "10.1.2.3", "::2": "::2", "[::3]": "::3", "::ffff:1.2.3.4": "1.2.3.4"} {
		s := ok[ipnamelookup.ResolveAddressStream, netCode](t)(look(name))
		if a := ok[abi.Option[network.IPAddress], netCode](t)(next(t, s)); fromIP(a.Value).String() != want {
			t.Errorf("%s is %v", name, a)
		}
	}
	s = ok[ipnamelookup.ResolveAddressStream, netCode](t)(look("many.test"))
	n := 0
	for ok[abi.Option[network.IPAddress], netCode](t)(next(t, s)).Some {
		n++
	}
	if n != maxAddresses {
		t.Errorf("%d addresses of one name, want %d", n, maxAddresses)
	}
	for name, want := range map[string]netCode{"none.test": network.ErrorCodeNameUnresolvable, "busy.test": network.ErrorCodeTemporaryResolverFailure, "bad.test": network.ErrorCodePermanentResolverFailure} {
		s := ok[ipnamelookup.ResolveAddressStream, netCode](t)(look(name))
		if got := code[abi.Option[network.IPAddress], netCode](t)(next(t, s)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]netCode{"": network.ErrorCodeInvalidArgument, "a b": network.ErrorCodeInvalidArgument, "1.2.3.4:80": network.ErrorCodeInvalidArgument, "example.com": network.ErrorCodeAccessDenied} {
		if got := code[ipnamelookup.ResolveAddressStream, netCode](t)(look(name)); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func fromIP(a network.IPAddress) netip.Addr {
	if a.Tag == network.IPAddressTagIPv4 {
		return fromAddress(network.IPSocketAddressIPv4(network.IPv4SocketAddress{Address: a.IPv4})).Addr()
	}
	return fromAddress(network.IPSocketAddressIPv6(network.IPv6SocketAddress{Address: a.IPv6})).Addr()
}

// TestANameThatLeadsElsewhereGivesNothingAway is DNS rebinding: the owner of a
// name that is allowed lets it lead to addresses that are not the guest's business.
func TestANameThatLeadsElsewhereGivesNothingAway(t *testing.T) {
	ctx := context.Background()
	addrs := []string{"93.184.216.34", "127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.1"}
	h := socketHost(t, SocketPolicy{Connect: rules(t, "evil.example:80", "10.0.0.0/8:81"), Resolve: func(context.Context, string) (all []netip.Addr, err error) {
		for _, a := range addrs {
			all = append(all, netip.MustParseAddr(a))
		}
		return all, nil
	}})
	s := ok[ipnamelookup.ResolveAddressStream, netCode](t)(h.network.ResolveAddresses(ctx, h.network, "evil.example"))
	ok[abi.Option[network.IPAddress], netCode](t)(next(t, s))
	for _, a := range addrs {
		err := h.network.mayConnect(netip.AddrPortFrom(netip.MustParseAddr(a), 80))
		if (err == nil) != (a == "93.184.216.34") {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := h.network.mayConnect(netip.MustParseAddrPort("93.184.216.34:81")); err == nil {
		t.Error("a port that was not allowed")
	}
	if err := h.network.mayConnect(netip.MustParseAddrPort("10.0.0.1:81")); err != nil {
		t.Errorf("an address that was allowed as such: %v", err)
	}
	for i := range 3 * maxFound { // what was found is forgotten at last, and does not grow
		h.network.found.add("other.example", []netip.Addr{netip.AddrFrom4([4]byte{8, 8, byte(i >> 8), byte(i)})})
	}
	if n := len(h.network.found.entries); n != maxFound {
		t.Errorf("%d addresses are remembered, want %d", n, maxFound)
	}
	if err := h.network.mayConnect(netip.MustParseAddrPort("93.184.216.34:80")); err == nil {
		t.Error("an address that was found long ago is still allowed")
	}
}

func TestLookupsAreBounded(t *testing.T) {
	ctx := context.Background()
	var running atomic.Int32
	h := socketHost(t, SocketPolicy{Lookup: rules(t, "*"), Resolve: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		running.Add(1)
		defer running.Add(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	for i := range maxLookups {
		s := ok[ipnamelookup.ResolveAddressStream, netCode](t)(h.network.ResolveAddresses(ctx, h.network, "example.com"))
		if i > 0 {
			defer s.Drop(ctx)
			continue
		}
		if got := code[abi.Option[network.IPAddress], netCode](t)(s.ResolveNextAddress(ctx)); got != network.ErrorCodeWouldBlock {
			t.Errorf("an answer that is not there: %v", got)
		}
	}
	if got := code[ipnamelookup.ResolveAddressStream, netCode](t)(h.network.ResolveAddresses(ctx, h.network, "example.com")); got != network.ErrorCodeTemporaryResolverFailure {
		t.Errorf("one look-up too many: %v", got)
	}
	h.Close(ctx)
	for range 200 {
		if running.Load() == 0 && h.network.lookups.Load() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d look-ups go on after Close", running.Load())
}

func TestErrorsOfSocketsHaveTheirCodes(t *testing.T) {
	for errno, want := range socketCodes {
		if got := socketCode(&net.OpError{Err: errno}); got != want || got == network.ErrorCodeUnknown {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
	for err, want := range map[error]netCode{
		syscall.ENOTSUP:                          network.ErrorCodeNotSupported,
		syscall.EINVAL:                           network.ErrorCodeInvalidArgument,
		syscall.ENOTDIR:                          network.ErrorCodeUnknown,
		errAccessDenied:                          network.ErrorCodeAccessDenied,
		errUnresolvable:                          network.ErrorCodeNameUnresolvable,
		net.ErrClosed:                            network.ErrorCodeUnknown,
		context.DeadlineExceeded:                 network.ErrorCodeTimeout,
		&net.DNSError{IsNotFound: true}:          network.ErrorCodeNameUnresolvable,
		&net.DNSError{IsTemporary: true}:         network.ErrorCodeTemporaryResolverFailure,
		&net.DNSError{UnwrapErr: errors.New("")}: network.ErrorCodePermanentResolverFailure,
	} {
		if got := socketCode(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
	made := map[netCode]bool{}
	for _, c := range socketCodes {
		made[c] = true
	}
	for _, e := range []stateError{errAccessDenied, errTooManySockets, errState, errConflict, errNotInProgress, errWouldBlock, errUnresolvable, errResolverBusy} {
		made[netCode(e)] = true
	}
	made[network.ErrorCodePermanentResolverFailure] = true
	made[network.ErrorCodeUnknown] = true
	for c := netCode(0); !strings.HasPrefix(c.String(), "case("); c++ {
		if !made[c] {
			t.Errorf("nothing gives %v", c)
		}
	}
}

func TestAddressesGoThereAndBack(t *testing.T) {
	for _, s := range []string{"1.2.3.4:5", "0.0.0.0:0", "[::1]:65535", "[fe80::1%7]:80", "[1:2:3:4:5:6:7:8]:9"} {
		a := netip.MustParseAddrPort(s)
		if got := fromAddress(toAddress(a)); got != a {
			t.Errorf("%v became %v", a, got)
		}
	}
}

func TestPollOfTooManyThingsIsATrap(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all := make([]poll.Pollable, 70_000)
	for i := range all {
		ch := make(chan struct{})
		all[i] = &pollable{event{pending: func() <-chan struct{} { return ch }}}
	}
	if _, err := (pollHost{}).Poll(ctx, all); err == nil || ctx.Err() != nil {
		t.Errorf("poll: %v", err)
	}
}
