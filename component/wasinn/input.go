package wasinn

import (
	"slices"

	"github.com/wasinn/wasinn/backends"
)

// Input is a tensor copied from a guest: the one copy on its way to the
// engine. Its bytes lie in a buffer that the service uses again, and the Input
// itself is used again by its session, so that setting one allocates nothing
// in the long run. It is for one goroutine at a time.
type Input struct {
	s      *Session
	buf    []byte // as the pool gave it
	dims   []uint32
	tensor backends.Tensor
	bytes  uint64 // charged to the session
}

// NewInput returns an empty tensor, counted against the guest's limit of
// tensors until its Release. The error is *Error with code TooLarge.
func (s *Session) NewInput() (*Input, error) {
	if err := s.charge(1, 0); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.spare); n > 0 {
		in := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return in, nil
	}
	return &Input{s: s}, nil
}

// Set makes in a tensor of its own copy of data. On an error it is as before.
//
// Errors are *Error: InvalidArgument when the length of data does not match,
// TooLarge beyond a limit, UnsupportedOperation for types without a size.
func (in *Input) Set(dims []uint32, ty backends.ElementType, data []byte) error {
	want, err := backends.ByteSize(dims, ty)
	if err != nil {
		return err
	}
	n := uint64(len(data))
	if n != want {
		return backends.Errorf(backends.InvalidArgument, "tensor %s%v takes %d bytes, found %d", ty, slices.Clone(dims), want, n)
	}
	if err := in.resize(n); err != nil {
		return err
	}
	in.dims = append(in.dims[:0], dims...)
	b := in.buf[:n:n]
	copy(b, data)
	return in.tensor.Reset(in.dims, ty, b)
}

// resize charges n bytes in place of those charged before, and sees to a
// buffer of the size class of n.
func (in *Input) resize(n uint64) error {
	s := in.s
	if max := s.acct.limits.MaxTensorBytes; n > max {
		return backends.Errorf(backends.TooLarge, "the tensor has %d bytes, the limit is %d", n, max)
	}
	if n > in.bytes {
		if err := s.charge(0, n-in.bytes); err != nil {
			return err
		}
	} else if n < in.bytes {
		s.refund(0, in.bytes-n)
	}
	in.bytes = n
	if uint64(len(in.buf)) != sizeClass(n) {
		if in.buf != nil {
			s.acct.pool.put(in.buf)
		}
		in.buf = s.acct.pool.get(n)
	}
	return nil
}

// Tensor returns the tensor, valid until the next Set or Release.
func (in *Input) Tensor() *backends.Tensor { return &in.tensor }

// maxSpare is how many unused Inputs a session keeps.
const maxSpare = 64

// Release gives the buffer back. The Input is not used after it.
func (in *Input) Release() {
	s := in.s
	s.refund(1, in.bytes)
	in.bytes = 0
	if in.buf != nil {
		s.acct.pool.put(in.buf)
		in.buf = nil
	}
	in.tensor.Reset(nil, backends.U8, nothing[:])
	s.mu.Lock()
	if !s.closed && len(s.spare) < maxSpare {
		s.spare = append(s.spare, in)
	}
	s.mu.Unlock()
}

// nothing is what a released tensor has for data; it is never written.
var nothing [1]byte
