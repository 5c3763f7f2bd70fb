package wasip2

import (
	"context"
	"errors"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/gen/wasi/sockets/instancenetwork"
	"github.com/wasinn/wasinn/gen/wasi/sockets/ipnamelookup"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
	"github.com/wasinn/wasinn/gen/wasi/sockets/tcp"
	"github.com/wasinn/wasinn/gen/wasi/sockets/tcpcreatesocket"
	"github.com/wasinn/wasinn/gen/wasi/sockets/udp"
	"github.com/wasinn/wasinn/gen/wasi/sockets/udpcreatesocket"
)

// addSockets defines wasi:sockets so that guests link. No guest is granted a
// network: making a socket and looking up a name are refused with
// access-denied, so a socket never exists.
func addSockets(l *component.Linker, slot component.Slot[*host]) error {
	return errors.Join(
		network.AddToLinker(l),
		instancenetwork.AddToLinker(l, give(slot, func(*host) instancenetwork.Host { return noNetwork{} })),
		ipnamelookup.AddToLinker(l, give(slot, func(*host) ipnamelookup.Host { return noNetwork{} })),
		tcp.AddToLinker(l),
		tcpcreatesocket.AddToLinker(l, give(slot, func(*host) tcpcreatesocket.Host { return noNetwork{} })),
		udp.AddToLinker(l),
		udpcreatesocket.AddToLinker(l, give(slot, func(*host) udpcreatesocket.Host { return noNetwork{} })),
	)
}

// noNetwork is a network on which nothing is allowed.
type noNetwork struct{}

func (noNetwork) Drop(context.Context) error { return nil }

func (noNetwork) InstanceNetwork(context.Context) (network.Network, error) { return noNetwork{}, nil }

func denied[T any]() (abi.Result[T, network.ErrorCode], error) {
	return abi.Result[T, network.ErrorCode]{Err: network.ErrorCodeAccessDenied, IsErr: true}, nil
}

func (noNetwork) ResolveAddresses(context.Context, network.Network, string) (abi.Result[ipnamelookup.ResolveAddressStream, network.ErrorCode], error) {
	return denied[ipnamelookup.ResolveAddressStream]()
}

func (noNetwork) CreateTCPSocket(context.Context, network.IPAddressFamily) (abi.Result[tcp.TCPSocket, network.ErrorCode], error) {
	return denied[tcp.TCPSocket]()
}

func (noNetwork) CreateUDPSocket(context.Context, network.IPAddressFamily) (abi.Result[udp.UDPSocket, network.ErrorCode], error) {
	return denied[udp.UDPSocket]()
}
