package graphdiff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// npyTypes are NumPy's names of element types, without the mark of their byte order.
var npyTypes = map[string]backends.ElementType{
	"b1": backends.Bool, "u1": backends.U8, "u2": backends.U16, "u4": backends.U32, "u8": backends.U64,
	"i1": backends.I8, "i2": backends.I16, "i4": backends.I32, "i8": backends.I64,
	"f2": backends.FP16, "f4": backends.FP32, "f8": backends.FP64, "c8": backends.C64, "c16": backends.C128,
}

// The parts of the header of an NPY file, which is a Python dictionary.
var (
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([<>|=]?)(\w+)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([0-9, ]*)\)`)
)

// NPY reads a tensor from the bytes of a .npy file.
//
// See https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
func NPY(b []byte) (backends.Value, error) {
	header, data, err := npyHeader(b)
	if err != nil {
		return nil, err
	}
	descr, fortran, shape := npyDescr.FindStringSubmatch(header), npyFortran.FindStringSubmatch(header), npyShape.FindStringSubmatch(header)
	if descr == nil || fortran == nil || shape == nil {
		return nil, fmt.Errorf("the header of the .npy file is %q, expected descr, fortran_order and shape", clip(header))
	}
	ty, ok := npyTypes[descr[2]]
	switch {
	case !ok:
		return nil, fmt.Errorf("elements are of NumPy's type %q, expected numbers or booleans", descr[1]+descr[2])
	case descr[1] == ">" && ty.Size() > 1:
		return nil, errors.New("its numbers are big-endian, expected little-endian")
	}
	dims, err := npyDims(shape[1])
	if err != nil {
		return nil, err
	}
	size, err := backends.ByteSize(dims, ty)
	if err != nil {
		return nil, err
	}
	if uint64(len(data)) != size {
		return nil, fmt.Errorf("%d bytes of data, %s%v takes %d", len(data), ty, dims, size)
	}
	if fortran[1] == "True" {
		data = fromFortran(data, dims, ty.Size())
	}
	return value(backends.NewTensor(dims, ty, data))
}

// npyHeader finds the header and what is behind it.
func npyHeader(b []byte) (header string, data []byte, err error) {
	const magic = "\x93NUMPY"
	if len(b) < 12 || string(b[:6]) != magic {
		return "", nil, errors.New("this is no .npy file: it does not begin as one")
	}
	size, at := uint64(binary.LittleEndian.Uint16(b[8:])), uint64(10)
	if b[6] > 1 {
		size, at = uint64(binary.LittleEndian.Uint32(b[8:])), 12
	}
	if size > uint64(len(b))-at {
		return "", nil, fmt.Errorf("the header of the .npy file takes %d bytes, %d are left", size, uint64(len(b))-at)
	}
	return string(b[at : at+size]), b[at+size:], nil
}

func npyDims(list string) ([]uint32, error) {
	dims := []uint32{}
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		d, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(dims) == backends.MaxRank {
			return nil, fmt.Errorf("the shape is (%s), expected at most %d sizes of up to %d", clip(list), backends.MaxRank, uint32(math.MaxUint32))
		}
		dims = append(dims, uint32(d))
	}
	return dims, nil
}

// clip shortens a text of a file.
func clip(s string) string {
	const most = 200
	return s[:min(len(s), most)]
}

// fromFortran puts elements whose first index runs fastest in the order in which the last
// one does.
func fromFortran(data []byte, dims []uint32, size int) []byte {
	out := make([]byte, 0, len(data))
	at := make([]int, len(dims))
	for len(out) < len(data) {
		from, stride := 0, 1
		for i, d := range dims {
			from += at[i] * stride
			stride *= int(d)
		}
		out = append(out, data[from*size:(from+1)*size]...)
		for i, d := range slices.Backward(dims) {
			if at[i]++; at[i] < int(d) {
				break
			}
			at[i] = 0
		}
	}
	return out
}
