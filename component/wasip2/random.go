package wasip2

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wasinn/wasinn/component/abi"
)

// maxRandomBytes is the most random bytes that a guest may have at once.
const maxRandomBytes = 16 << 20

// buffer returns n bytes, which may be overwritten by the next call.
func (h *host) buffer(n uint64) ([]byte, error) {
	if n > maxRandomBytes {
		return nil, fmt.Errorf("%d random bytes at once: at most %d are given", n, maxRandomBytes)
	}
	if n > chunkSize {
		return make([]byte, n), nil
	}
	return h.chunk()[:n], nil
}

type randomHost struct{ *host }

func (h randomHost) GetRandomBytes(_ context.Context, n uint64) ([]byte, error) {
	b, err := h.buffer(n)
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(h.cfg.entropy(), b)
	return b, err
}

func (h randomHost) GetRandomU64(ctx context.Context) (uint64, error) {
	b, err := h.GetRandomBytes(ctx, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// insecureHost gives numbers that are quick and not secret.
type insecureHost struct{ *host }

func (h insecureHost) GetInsecureRandomBytes(_ context.Context, n uint64) ([]byte, error) {
	b, err := h.buffer(n)
	for i := range b {
		b[i] = byte(h.pseudo.Uint32())
	}
	return b, err
}

func (h insecureHost) GetInsecureRandomU64(context.Context) (uint64, error) {
	return h.pseudo.Uint64(), nil
}

func (h insecureHost) InsecureSeed(context.Context) (abi.Tuple2[uint64, uint64], error) {
	return abi.Tuple2[uint64, uint64]{F0: h.pseudo.Uint64(), F1: h.pseudo.Uint64()}, nil
}
