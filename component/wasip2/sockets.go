package wasip2

import (
	"errors"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/gen/wasi/sockets/instancenetwork"
	"github.com/wasinn/wasinn/gen/wasi/sockets/ipnamelookup"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
	"github.com/wasinn/wasinn/gen/wasi/sockets/tcp"
	"github.com/wasinn/wasinn/gen/wasi/sockets/tcpcreatesocket"
	"github.com/wasinn/wasinn/gen/wasi/sockets/udp"
	"github.com/wasinn/wasinn/gen/wasi/sockets/udpcreatesocket"
)

// addSockets defines wasi:sockets.
func addSockets(l *component.Linker, slot component.Slot[*host]) error {
	return errors.Join(
		network.AddToLinker(l),
		instancenetwork.AddToLinker(l, give(slot, func(h *host) instancenetwork.Host { return h.network })),
		ipnamelookup.AddToLinker(l, give(slot, func(h *host) ipnamelookup.Host { return h.network })),
		tcp.AddToLinker(l),
		tcpcreatesocket.AddToLinker(l, give(slot, func(h *host) tcpcreatesocket.Host { return h.network })),
		udp.AddToLinker(l),
		udpcreatesocket.AddToLinker(l, give(slot, func(h *host) udpcreatesocket.Host { return h.network })),
	)
}
