//go:build !linux && !darwin

package hostnet

import (
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
)

// Socket is a socket, of which there are none on this system.
type Socket struct{}

// errNone is why: it has sockets, but not those that WASI describes.
var errNone = fmt.Errorf("sockets of guests on %s: %w", runtime.GOOS, syscall.ENOTSUP)

// Open refuses.
func Open(Transport, Family) (*Socket, error) { return nil, errNone }

// What follows has no socket to be called on.

func (*Socket) Close() error                                 { return errNone }
func (*Socket) Bind(Transport, netip.AddrPort) error         { return errNone }
func (*Socket) Connect(netip.AddrPort) error                 { return errNone }
func (*Socket) Disconnect() error                            { return errNone }
func (*Socket) Err() error                                   { return errNone }
func (*Socket) Listen(int) error                             { return errNone }
func (*Socket) Accept() (*Socket, error)                     { return nil, errNone }
func (*Socket) Shutdown(Direction) error                     { return errNone }
func (*Socket) Recv([]byte) (int, error)                     { return 0, errNone }
func (*Socket) Send([]byte) (int, error)                     { return 0, errNone }
func (*Socket) RecvFrom([]byte) (int, netip.AddrPort, error) { return 0, netip.AddrPort{}, errNone }
func (*Socket) SendTo([]byte, netip.AddrPort) error          { return errNone }
func (*Socket) LocalAddr() (netip.AddrPort, error)           { return netip.AddrPort{}, errNone }
func (*Socket) RemoteAddr() (netip.AddrPort, error)          { return netip.AddrPort{}, errNone }
func (*Socket) Option(Option) (int, error)                   { return 0, errNone }
func (*Socket) SetOption(Option, int) error                  { return errNone }
func (*Socket) Pending(Direction) <-chan struct{}            { return nil }
