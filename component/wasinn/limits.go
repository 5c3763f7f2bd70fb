package wasinn

import (
	"math"
	"sync/atomic"

	"github.com/wasinn/wasinn/backends"
)

// Unlimited lifts a limit of bytes.
const Unlimited = math.MaxUint64

// Limits bound what guests can make the host hold. A zero field has the
// default that its comment gives; a negative number of things, or Unlimited
// bytes, lifts the limit. A guest that goes beyond gets the code too-large.
type Limits struct {
	// MaxModelBytes of one model given as bytes, all parts together: 2 GiB.
	MaxModelBytes uint64
	// MaxGuestModelBytes of all models that a guest has given and holds: 4 GiB.
	MaxGuestModelBytes uint64
	// MaxTensorBytes of one tensor, in or out: 1 GiB.
	MaxTensorBytes uint64
	// MaxGuestTensorBytes of all tensors that a guest holds: 2 GiB.
	MaxGuestTensorBytes uint64
	// MaxTotalTensorBytes of all tensors of all guests: 8 GiB.
	MaxTotalTensorBytes uint64
	// MaxGraphs that a guest holds: 64.
	MaxGraphs int
	// MaxContexts that a guest holds: 1024.
	MaxContexts int
	// MaxTensors that a guest holds: 65536.
	MaxTensors int
}

const (
	mib = 1 << 20
	gib = 1 << 30
)

func (l Limits) withDefaults() Limits {
	bytes := func(p *uint64, d uint64) {
		if *p == 0 {
			*p = d
		}
	}
	count := func(p *int, d int) {
		if *p == 0 {
			*p = d
		} else if *p < 0 {
			*p = math.MaxInt
		}
	}
	bytes(&l.MaxModelBytes, 2*gib)
	bytes(&l.MaxGuestModelBytes, 4*gib)
	bytes(&l.MaxTensorBytes, gib)
	bytes(&l.MaxGuestTensorBytes, 2*gib)
	bytes(&l.MaxTotalTensorBytes, 8*gib)
	count(&l.MaxGraphs, 64)
	count(&l.MaxContexts, 1024)
	count(&l.MaxTensors, 65536)
	return l
}

// account is what the sessions of one service have in common.
type account struct {
	limits Limits // with defaults
	total  atomic.Uint64
	pool   *pool
}

func newAccount(l Limits) *account {
	return &account{limits: l.withDefaults(), pool: newPool(maxPooled)}
}

// accounted is a service, or a decorator of one, that has an account.
type accounted interface{ account() *account }

func (a *account) charge(n uint64) error {
	for {
		now := a.total.Load()
		if n > a.limits.MaxTotalTensorBytes || now > a.limits.MaxTotalTensorBytes-n {
			return backends.Errorf(backends.TooLarge,
				"%d bytes more of tensors: all guests hold %d, and this host's limit is %d", n, now, a.limits.MaxTotalTensorBytes)
		}
		if a.total.CompareAndSwap(now, now+n) {
			return nil
		}
	}
}

func (a *account) refund(n uint64) { a.total.Add(-n) }
