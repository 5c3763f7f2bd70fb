package wasip2

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/internal/hostfs"
	"github.com/wasinn/wasinn/component/internal/pump"
	"github.com/wasinn/wasinn/gen/wasi/cli/environment"
	"github.com/wasinn/wasinn/gen/wasi/cli/exit"
	"github.com/wasinn/wasinn/gen/wasi/cli/stderr"
	"github.com/wasinn/wasinn/gen/wasi/cli/stdin"
	"github.com/wasinn/wasinn/gen/wasi/cli/stdout"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminalinput"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminaloutput"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminalstderr"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminalstdin"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminalstdout"
	"github.com/wasinn/wasinn/gen/wasi/clocks/monotonicclock"
	"github.com/wasinn/wasinn/gen/wasi/clocks/wallclock"
	"github.com/wasinn/wasinn/gen/wasi/filesystem/preopens"
	fstypes "github.com/wasinn/wasinn/gen/wasi/filesystem/types"
	"github.com/wasinn/wasinn/gen/wasi/io/ioerror"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
	"github.com/wasinn/wasinn/gen/wasi/random/insecure"
	"github.com/wasinn/wasinn/gen/wasi/random/insecureseed"
	"github.com/wasinn/wasinn/gen/wasi/random/random"
)

// AddToLinker defines WASI 0.2 in l, the same for every instance.
func AddToLinker(l *component.Linker, cfg Config) error {
	return AddToLinkerFunc(l, func(*component.Store) (Config, error) { return cfg, nil })
}

// AddToLinkerFunc defines WASI 0.2 in l with a Config of its own for each
// instance: config is called once before the instance is made. An error of
// config, or a directory that cannot be opened, fails the instantiation.
func AddToLinkerFunc(l *component.Linker, config func(*component.Store) (Config, error)) error {
	slot := component.NewSlot(l, func(s *component.Store) (*host, error) {
		cfg, err := config(s)
		if err != nil {
			return nil, err
		}
		h, err := newHost(cfg)
		if x, ok := s.Value(servingKey{}).(*serving); ok && err == nil {
			x.host = h
		}
		return h, err
	})
	return errors.Join(
		environment.AddToLinker(l, give(slot, func(h *host) environment.Host { return environmentHost{h} })),
		exit.AddToLinker(l, give(slot, func(*host) exit.Host { return exitHost{} })),
		stdin.AddToLinker(l, give(slot, func(h *host) stdin.Host { return h })),
		stdout.AddToLinker(l, give(slot, func(h *host) stdout.Host { return h })),
		stderr.AddToLinker(l, give(slot, func(h *host) stderr.Host { return h })),
		terminalinput.AddToLinker(l),
		terminaloutput.AddToLinker(l),
		terminalstdin.AddToLinker(l, give(slot, func(h *host) terminalstdin.Host { return h })),
		terminalstdout.AddToLinker(l, give(slot, func(h *host) terminalstdout.Host { return h })),
		terminalstderr.AddToLinker(l, give(slot, func(h *host) terminalstderr.Host { return h })),
		monotonicclock.AddToLinker(l, give(slot, func(h *host) monotonicclock.Host { return monotonicHost{h} })),
		wallclock.AddToLinker(l, give(slot, func(h *host) wallclock.Host { return wallHost{h} })),
		preopens.AddToLinker(l, give(slot, func(h *host) preopens.Host { return h })),
		fstypes.AddToLinker(l, give(slot, func(h *host) fstypes.Host { return h })),
		ioerror.AddToLinker(l),
		poll.AddToLinker(l, give(slot, func(*host) poll.Host { return pollHost{} })),
		streams.AddToLinker(l),
		random.AddToLinker(l, give(slot, func(h *host) random.Host { return randomHost{h} })),
		insecure.AddToLinker(l, give(slot, func(h *host) insecure.Host { return insecureHost{h} })),
		insecureseed.AddToLinker(l, give(slot, func(h *host) insecureseed.Host { return insecureHost{h} })),
		addSockets(l, slot),
		addHTTP(l, slot),
	)
}

// give makes the function by which an interface gets its Host in each store.
func give[H any](slot component.Slot[*host], of func(*host) H) func(*component.Store) (H, error) {
	return func(s *component.Store) (H, error) { return of(slot.In(s)), nil }
}

// host is what one instance is given. It is the Host of the interfaces that
// have no state of their own.
type host struct {
	cfg     Config
	now     func() time.Time
	started time.Time
	dirs    []openDir
	stdin   input
	pseudo  *rand.Rand
	scratch []byte // what functions return bytes in, each until the next

	openFiles int
	fields    fieldBudget // the guest's own
	incoming  fieldBudget // that came to it
	bodies    int         // being written
	client    *httpClient
	network   *guestNetwork
	alive     context.Context // of work on other goroutines; ends with Close
	end       context.CancelFunc
}

// chunk returns a buffer of chunkSize bytes, overwritten by the next user.
func (h *host) chunk() []byte {
	if len(h.scratch) < chunkSize {
		h.scratch = make([]byte, chunkSize)
	}
	return h.scratch[:chunkSize]
}

// openDir is a granted directory.
type openDir struct {
	dir   *hostfs.Dir
	guest string
}

func newHost(cfg Config) (*host, error) {
	h := &host{cfg: cfg, now: cfg.clock(), pseudo: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	h.started = h.now()
	h.network = &guestNetwork{host: h, policy: &h.cfg.sockets}
	h.client = &httpClient{host: h, policy: &h.cfg.http}
	h.fields.limit, h.incoming.limit = maxFieldBytes, maxIncomingFieldBytes
	h.alive, h.end = context.WithCancel(context.Background())
	h.stdin = ended{}
	if cfg.stdin != nil {
		h.stdin = pumped{pump.New(cfg.stdin)}
	}
	for _, d := range cfg.dirs {
		dir, err := hostfs.Open(d.host, d.readOnly)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("directory %s for the guest's %s: %w", d.host, d.guest, err), h.Close(context.Background()))
		}
		h.dirs = append(h.dirs, openDir{dir, d.guest})
	}
	return h, nil
}

// Close closes the granted directories and ends what goes on in the background.
// The guest's resources, sockets among them, were dropped before.
func (h *host) Close(context.Context) error {
	h.end()
	h.client.close()
	errs := []error{h.stdin.close()}
	for _, d := range h.dirs {
		errs = append(errs, d.dir.Close())
	}
	return errors.Join(errs...)
}
