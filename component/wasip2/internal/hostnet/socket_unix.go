//go:build linux || darwin

package hostnet

import (
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a socket of the host that never waits. Its methods are safe for
// concurrent use.
type Socket struct {
	file   *os.File // the runtime's poller watches it
	conn   syscall.RawConn
	family Family
	waits  [2]wait // by Direction
}

// wait is a goroutine that waits for one direction, if there is one.
type wait struct {
	mu   sync.Mutex
	done chan struct{} // closed when the direction is ready; nil without the goroutine
}

// Open makes a socket that is neither bound nor connected. An IPv6 socket does
// not carry IPv4.
func Open(t Transport, f Family) (*Socket, error) {
	domain, kind := unix.AF_INET, unix.SOCK_STREAM
	if f == IPv6 {
		domain = unix.AF_INET6
	}
	if t == UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := keep(func() (int, error) { return unix.Socket(domain, kind, 0) })
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if f == IPv6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			unix.Close(fd)
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	return newSocket(fd, f)
}

// keep gets a descriptor that no program started meanwhile inherits.
func keep(get func() (int, error)) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := get()
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

func newSocket(fd int, f Family) (*Socket, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("setnonblock", err)
	}
	s := &Socket{file: os.NewFile(uintptr(fd), "socket"), family: f}
	var err error
	if s.conn, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

// do calls f with the descriptor, which stays open meanwhile.
func (s *Socket) do(f func(fd int) error) error {
	var err error
	if closed := s.conn.Control(func(fd uintptr) {
		for {
			if err = f(int(fd)); err != unix.EINTR {
				return
			}
		}
	}); closed != nil {
		return os.ErrClosed
	}
	return err
}

// Close closes the socket and ends all waiting for it.
func (s *Socket) Close() error { return s.file.Close() }

// Bind binds to a local address. A TCP address that a connection of before
// still lingers on can be bound to.
func (s *Socket) Bind(t Transport, a netip.AddrPort) error {
	return s.do(func(fd int) error {
		if t == TCP {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
				return err
			}
		}
		return unix.Bind(fd, sockaddr(a))
	})
}

// Connect connects to a remote address, at once or, with EINPROGRESS, by the
// time that Out is ready; [Socket.Err] tells how it went.
func (s *Socket) Connect(a netip.AddrPort) error {
	return s.do(func(fd int) error {
		err := unix.Connect(fd, sockaddr(a))
		if err == unix.EINTR { // it goes on
			return unix.EINPROGRESS
		}
		return err
	})
}

// Disconnect ends what Connect did to a UDP socket.
func (s *Socket) Disconnect() error { return s.do(disconnect) }

// Err returns the error of the last thing that went on by itself.
func (s *Socket) Err() error {
	return s.do(func(fd int) error {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && n != 0 {
			err = unix.Errno(n)
		}
		return err
	})
}

// Listen lets connections come, backlog of them before they are accepted.
func (s *Socket) Listen(backlog int) error {
	return s.do(func(fd int) error { return unix.Listen(fd, backlog) })
}

// Accept takes a connection that has come.
func (s *Socket) Accept() (*Socket, error) {
	var fd int
	err := s.do(func(listener int) (err error) {
		fd, err = keep(func() (int, error) {
			fd, _, err := unix.Accept(listener)
			return fd, err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return newSocket(fd, s.family)
}

// Shutdown ends one direction.
func (s *Socket) Shutdown(d Direction) error {
	how := unix.SHUT_RD
	if d == Out {
		how = unix.SHUT_WR
	}
	return s.do(func(fd int) error { return unix.Shutdown(fd, how) })
}

// Recv reads bytes of a stream: none and no error at its end.
func (s *Socket) Recv(b []byte) (n int, err error) {
	err = s.do(func(fd int) error { n, err = unix.Read(fd, b); return err })
	return max(n, 0), err
}

// Send writes as many bytes of a stream as the system takes.
func (s *Socket) Send(b []byte) (n int, err error) {
	err = s.do(func(fd int) error { n, err = unix.Write(fd, b); return err })
	return max(n, 0), err
}

// RecvFrom reads a datagram and the address that it comes from.
func (s *Socket) RecvFrom(b []byte) (n int, from netip.AddrPort, err error) {
	err = s.do(func(fd int) error {
		var sa unix.Sockaddr
		n, sa, err = unix.Recvfrom(fd, b, 0)
		from = addrPort(sa)
		return err
	})
	return max(n, 0), from, err
}

// SendTo sends a datagram, on a connected socket to an address that is not
// valid.
func (s *Socket) SendTo(b []byte, to netip.AddrPort) error {
	return s.do(func(fd int) error {
		if !to.IsValid() {
			return unix.Sendmsg(fd, b, nil, nil, 0)
		}
		return unix.Sendto(fd, b, 0, sockaddr(to))
	})
}

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() (a netip.AddrPort, err error) { return s.name(unix.Getsockname) }

// RemoteAddr returns the address that the socket is connected to.
func (s *Socket) RemoteAddr() (a netip.AddrPort, err error) { return s.name(unix.Getpeername) }

func (s *Socket) name(get func(fd int) (unix.Sockaddr, error)) (a netip.AddrPort, err error) {
	err = s.do(func(fd int) error {
		sa, err := get(fd)
		a = addrPort(sa)
		return err
	})
	return a, err
}

// Option returns the value of an option.
func (s *Socket) Option(o Option) (v int, err error) {
	level, name := s.option(o)
	err = s.do(func(fd int) error { v, err = unix.GetsockoptInt(fd, level, name); return err })
	if o == ReceiveBuffer || o == SendBuffer {
		v /= bufferFactor
	}
	return v, err
}

// SetOption sets an option.
func (s *Socket) SetOption(o Option, v int) error {
	level, name := s.option(o)
	return s.do(func(fd int) error { return unix.SetsockoptInt(fd, level, name, v) })
}

func (s *Socket) option(o Option) (level, name int) {
	switch o {
	case KeepAlive:
		return unix.SOL_SOCKET, unix.SO_KEEPALIVE
	case KeepAliveIdle:
		return unix.IPPROTO_TCP, tcpKeepIdle
	case KeepAliveInterval:
		return unix.IPPROTO_TCP, unix.TCP_KEEPINTVL
	case KeepAliveCount:
		return unix.IPPROTO_TCP, unix.TCP_KEEPCNT
	case ReceiveBuffer:
		return unix.SOL_SOCKET, unix.SO_RCVBUF
	case SendBuffer:
		return unix.SOL_SOCKET, unix.SO_SNDBUF
	}
	if s.family == IPv6 {
		return unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	return unix.IPPROTO_IP, unix.IP_TTL
}

// Pending returns nil when the direction is ready: reading or writing would
// give something or an error. Else it returns a channel that is closed when it
// may have become so. One goroutine waits for all callers; it ends with
// the waiting, or when the socket is closed.
func (s *Socket) Pending(d Direction) <-chan struct{} {
	if s.ready(d) {
		return nil
	}
	w := &s.waits[d]
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		w.done = make(chan struct{})
		go s.watch(d, w.done)
	}
	return w.done
}

func (s *Socket) watch(d Direction, done chan<- struct{}) {
	block := s.conn.Read
	if d == Out {
		block = s.conn.Write
	}
	// An error is that the socket was closed, which ends the waiting as well.
	_ = block(func(fd uintptr) bool { return ready(int(fd), d) })
	w := &s.waits[d]
	w.mu.Lock()
	w.done = nil
	w.mu.Unlock()
	close(done)
}

func (s *Socket) ready(d Direction) bool {
	is := true
	_ = s.conn.Control(func(fd uintptr) { is = ready(int(fd), d) }) // a closed socket is ready
	return is
}

func ready(fd int, d Direction) bool {
	events := int16(unix.POLLIN)
	if d == Out {
		events = unix.POLLOUT
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, 0)
		if err != unix.EINTR {
			return n != 0 // what cannot be polled is not waited for
		}
	}
}

// sockaddr is an address as the system takes it. A zone is a number.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	zone, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32)
	return &unix.SockaddrInet6{Port: int(a.Port()), ZoneId: uint32(zone), Addr: a.Addr().As16()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			addr = addr.WithZone(strconv.FormatUint(uint64(sa.ZoneId), 10))
		}
		return netip.AddrPortFrom(addr, uint16(sa.Port))
	}
	return netip.AddrPort{}
}
