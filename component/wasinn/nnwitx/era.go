package nnwitx

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/wasinn/wasinn/backends"
)

// ABI says by which numbering tensor types and errors go.
type ABI uint8

// The numberings. Since 2023 f64 and i64 lie between the others.
const (
	// Auto serves guests of every era: see [elementType].
	Auto ABI = iota
	// ABI2021 has u8 as 2 and i32 as 3, and errors 1 to 3.
	ABI2021
	// ABI2023 has f64 as 2, u8 3, i32 4, i64 5, and errors 1 to 8.
	ABI2023
)

var abiNames = map[ABI]string{Auto: "auto", ABI2021: "2021", ABI2023: "2023"}

// String returns the word that [ParseABI] reads.
func (a ABI) String() string { return abiNames[a] }

// ParseABI reads auto, 2021 or 2023.
func ParseABI(word string) (ABI, error) {
	for a, name := range abiNames {
		if name == word {
			return a, nil
		}
	}
	return Auto, fmt.Errorf("witx ABI %q: want auto, 2021 or 2023", word)
}

// numbering2021 is used by guests of 2021 and 2022-23 and by WAMR's old
// headers.
var numbering2021 = []backends.ElementType{backends.FP16, backends.FP32, backends.U8, backends.I32}

// numbering2023 is today's.
var numbering2023 = []backends.ElementType{
	backends.FP16, backends.FP32, backends.FP64, backends.U8, backends.I32, backends.I64,
}

// bySize tells what a type's number means by the size of one element: 2021's
// numbering, today's, and WIT's (which has BF16 as 3 and moves the rest up)
// differ in size wherever they differ in meaning.
var bySize = [...]map[uint64]backends.ElementType{
	0: {2: backends.FP16},
	1: {4: backends.FP32},
	2: {8: backends.FP64, 1: backends.U8},
	3: {1: backends.U8, 4: backends.I32, 2: backends.BF16},
	4: {4: backends.I32, 1: backends.U8},
	5: {8: backends.I64, 4: backends.I32},
	6: {8: backends.I64},
}

// elementType tells the type of a tensor's elements from its number, its dims
// and the length of its data in bytes. A tensor without elements has the type
// that the model declares, if it does (0 if not), and else today's numbering.
//
// The error is InvalidArgument for a number that no era has. A length that
// fits no meaning of the number gives today's; the tensor's own check then
// says what is wrong.
func elementType(abi ABI, code uint8, dims []uint32, n uint64, declared backends.ElementType) (backends.ElementType, error) {
	numbering := numbering2023
	switch abi {
	case ABI2021:
		numbering = numbering2021
	case Auto:
		if int(code) >= len(bySize) {
			break
		}
		count := product(dims)
		if count == 0 && declared != 0 {
			return declared, nil
		}
		if count != 0 && n%count == 0 {
			if t, ok := bySize[code][n/count]; ok {
				return t, nil
			}
		}
		if code == 6 {
			return backends.I64, nil
		}
	}
	if int(code) < len(numbering) {
		return numbering[code], nil
	}
	last := len(numbering) - 1
	if abi == Auto {
		last = len(bySize) - 1
	}
	return 0, backends.Errorf(backends.InvalidArgument, "tensor type %d: want 0 to %d", code, last)
}

// product is the number of elements, or 0 when it has no 64-bit value either.
func product(dims []uint32) uint64 {
	count := uint64(1)
	for _, d := range dims {
		hi, lo := bits.Mul64(count, uint64(d))
		if hi != 0 {
			return 0
		}
		count = lo
	}
	return count
}

// encodingOf tells the encoding from its number and the model's bytes: 1 was
// tensorflow for a time and is onnx, 2 the other way round; 5 and 6 are
// autodetect and ggml in WasmEdge, ggml and autodetect in WAMR.
func encodingOf(code uint32, sniff func() (backends.Encoding, bool)) (backends.Encoding, error) {
	switch code {
	case 0:
		return backends.OpenVINO, nil
	case 3:
		return backends.PyTorch, nil
	case 4:
		return backends.TensorFlowLite, nil
	case 1, 2, 5, 6:
		found, ok := sniff()
		switch {
		case ok && (found == backends.ONNX || code >= 5):
			return found, nil
		case code == 1:
			return backends.ONNX, nil
		case code == 2:
			return backends.TensorFlow, nil
		}
		return backends.Autodetect, nil
	}
	return "", backends.Errorf(backends.InvalidEncoding, "graph encoding %d: want 0 to 6", code)
}

// targetOf tells the target from its number; 3 is AUTO in WasmEdge and leaves
// the choice to the host.
func targetOf(code uint32) (backends.Target, error) {
	switch code {
	case 0:
		return backends.CPU, nil
	case 1:
		return backends.GPU, nil
	case 2:
		return backends.TPU, nil
	case 3:
		return "", nil
	}
	return "", backends.Errorf(backends.InvalidArgument, "execution target %d: want 0 to 3", code)
}

// errno is witx's nn_errno.
type errno uint32

// The errors of today's numbering.
const (
	success errno = iota
	invalidArgument
	invalidEncoding
	missingMemory
	busy
	runtimeError
	unsupportedOperation
	tooLarge
	notFound
)

// The errors of 2021, where they differ.
const (
	missingMemory2021 errno = 2
	busy2021          errno = 3
)

// errnos has both numbers of every code. witx has no word for a timeout, where
// busy invites the guest to try again, nor for security and unknown. In 2021
// invalid-argument was also for what cannot be loaded or is not there.
var errnos = map[backends.Code]struct{ today, of2021 errno }{
	backends.InvalidArgument:      {invalidArgument, invalidArgument},
	backends.InvalidEncoding:      {invalidEncoding, invalidArgument},
	backends.Timeout:              {busy, busy2021},
	backends.RuntimeError:         {runtimeError, busy2021},
	backends.UnsupportedOperation: {unsupportedOperation, invalidArgument},
	backends.TooLarge:             {tooLarge, invalidArgument},
	backends.NotFound:             {notFound, invalidArgument},
	backends.Security:             {runtimeError, invalidArgument},
	backends.Unknown:              {runtimeError, busy2021},
}

// doorError is a failure that witx has an errno for and the service no code.
type doorError struct {
	err           *backends.Error
	today, of2021 errno
}

func (e *doorError) Error() string { return e.err.Error() }
func (e *doorError) Unwrap() error { return e.err }

var (
	errMissingMemory error = &doorError{
		backends.Errorf(backends.InvalidArgument, "the calling module has no memory"), missingMemory, missingMemory2021,
	}
	errBusy error = &doorError{
		backends.Errorf(backends.RuntimeError, "the execution context is computing already"), busy, busy2021,
	}
)

// errnoOf gives err its number in an era; clamped, numbers above runtimeError
// become that.
func errnoOf(abi ABI, clamp bool, err error) errno {
	if err == nil {
		return success
	}
	var today, of2021 errno
	var door *doorError
	if errors.As(err, &door) {
		today, of2021 = door.today, door.of2021
	} else {
		e := errnos[backends.AsError(err).Code]
		today, of2021 = e.today, e.of2021
	}
	if abi == ABI2021 {
		return of2021
	}
	if clamp && today > runtimeError {
		return runtimeError
	}
	return today
}
