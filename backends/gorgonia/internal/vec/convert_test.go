package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// half is the value of a half-precision number, by its definition.
func half(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	e, f := int(h>>10&31), float64(h&0x3ff)
	switch {
	case e == 31 && f != 0:
		return math.NaN()
	case e == 31:
		return sign * math.Inf(1)
	case e == 0:
		return sign * math.Ldexp(f, -24)
	}
	return sign * math.Ldexp(1024+f, e-25)
}

func TestEveryHalfPrecisionNumberThereAndBack(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		src := make([]uint16, 1<<16+3) // so that the rest behind the eights is not empty
		for i := range src {
			src[i] = uint16(i)
		}
		wide, back := make([]float32, len(src)), make([]uint16, len(src))
		Float16ToFloat32(wide, src)
		Float32ToFloat16(back, wide)
		for i, h := range src {
			if want := half(h); float64(wide[i]) != want && (want == want || wide[i] == wide[i]) {
				t.Fatalf("%#04x: got %v, want %v", h, wide[i], want)
			}
			if want := h; back[i] != want && half(h) == half(h) {
				t.Fatalf("%#04x comes back as %#04x", h, back[i])
			}
			if math.IsNaN(half(h)) && !math.IsNaN(half(back[i])) {
				t.Fatalf("NaN %#04x comes back as %#04x", h, back[i])
			}
		}
	})
}

func TestRoundingToHalfPrecision(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		var src []float32
		// Each number, the middle between it and the next, and the neighbours of both.
		for h := range uint16(0x7c00) {
			a, b := half(h), half(h+1)
			if h == 0x7bff {
				b = 65536
			}
			middle := float32((a + b) / 2)
			src = append(src, float32(a), middle, math.Nextafter32(middle, 0), math.Nextafter32(middle, inf))
		}
		src = append(src, 1e10, math.MaxFloat32, inf, 1e-40)
		dst := make([]uint16, len(src))
		Float32ToFloat16(dst, src)
		for i, v := range src {
			h := uint16(i / 4)
			want := h
			switch {
			case i >= 4*0x7c00 && v > 1:
				want = 0x7c00
			case i >= 4*0x7c00:
				want = 0
			case i%4 == 1:
				want = h + h&1 // to even
			case i%4 == 3:
				want = h + 1
			}
			if dst[i] != want {
				t.Fatalf("%v: got %#04x, want %#04x", v, dst[i], want)
			}
		}
	})
}

func TestBfloat16(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		for _, tt := range []struct {
			name string
			in   uint32
			want uint16
		}{
			{"one", 0x3f800000, 0x3f80},
			{"below the middle", 0x3f807fff, 0x3f80},
			{"the middle, to even below", 0x3f808000, 0x3f80},
			{"the middle, to even above", 0x3f818000, 0x3f82},
			{"above the middle", 0x3f808001, 0x3f81},
			{"the largest number, to infinity", 0x7f7fffff, 0x7f80},
			{"minus infinity", 0xff800000, 0xff80},
			{"a NaN whose upper bits are an infinity's", 0x7f800001, 0x7fc0},
			{"a NaN that rounding would carry over", 0xffffffff, 0xffff},
			{"a denormal", 0x00018000, 0x0002},
		} {
			for _, n := range []int{1, 8, 13} {
				dst := make([]uint16, n)
				Float32ToBfloat16(dst, slices.Repeat([]float32{math.Float32frombits(tt.in)}, n))
				if want := slices.Repeat([]uint16{tt.want}, n); !slices.Equal(dst, want) {
					t.Errorf("%s: got %#04x, want %#04x", tt.name, dst, want)
				}
			}
		}
		src := []uint16{0x3f80, 0xff80, 1, 0x8000, 0x7f7f, 0x4049, 0xc049, 0, 0x4000}
		dst := make([]float32, len(src))
		Bfloat16ToFloat32(dst, src)
		for i, b := range src {
			if math.Float32bits(dst[i]) != uint32(b)<<16 {
				t.Errorf("%#04x: got %v", b, dst[i])
			}
		}
	})
}

func TestQuantisation(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		src := []float32{0, 1, -1, 0.25, 0.75, 1.25, -0.25, -0.75, 63, 64, 1000, -1000, inf, -inf, nan, 1e38, -1e38, 63.5, 127.25, -64.25}
		wantU := []uint8{10, 12, 8, 10, 12, 12, 10, 8, 136, 138, 255, 0, 255, 0, 0, 255, 0, 137, 255, 0}
		wantI := []int8{-3, -1, -5, -3, -1, -1, -3, -5, 123, 125, 127, -128, 127, -128, -128, 127, -128, 124, 127, -128}
		u, s := make([]uint8, len(src)), make([]int8, len(src))
		QuantizeUint8(u, src, 0.5, 10)
		QuantizeInt8(s, src, 0.5, -3)
		if !slices.Equal(u, wantU) {
			t.Errorf("uint8:\n got %v\nwant %v", u, wantU)
		}
		if !slices.Equal(s, wantI) {
			t.Errorf("int8:\n got %v\nwant %v", s, wantI)
		}
		every, everyI := make([]uint8, 256), make([]int8, 256)
		for i := range every {
			every[i], everyI[i] = uint8(i), int8(i)
		}
		dst := make([]float32, 253)
		DequantizeUint8(dst, every, 0.1, 128)
		for i, v := range dst {
			if want := float32(i-128) * float32(0.1); v != want {
				t.Fatalf("uint8 %d: got %v, want %v", i, v, want)
			}
		}
		DequantizeInt8(dst, everyI, 0.1, -7)
		for i, v := range dst {
			if want := float32(int(everyI[i])+7) * float32(0.1); v != want {
				t.Fatalf("int8 %d: got %v, want %v", everyI[i], v, want)
			}
		}
	})
}

func TestInt32ToFloat32(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		src := []int32{0, 1, -1, math.MaxInt32, math.MinInt32, 16777217, 16777219, 33554434, 7}
		dst := make([]float32, len(src))
		Int32ToFloat32(dst, src)
		for i, v := range src {
			if dst[i] != float32(v) {
				t.Errorf("%d: got %v, want %v", v, dst[i], float32(v))
			}
		}
	})
}

func testTranspose[T Element](t *testing.T, r *rand.Rand, from func(int) T) {
	for range 60 {
		rows, cols := r.IntN(40), r.IntN(40)
		srcStride, dstStride := cols+r.IntN(4), rows+r.IntN(4)
		src, dst := make([]T, rows*srcStride), make([]T, cols*dstStride)
		for i := range src {
			src[i] = from(i + 1)
		}
		Transpose(dst, dstStride, src, srcStride, rows, cols)
		for j := range cols {
			for i := range dstStride {
				var want T
				if i < rows {
					want = src[i*srcStride+j]
				}
				if got := dst[j*dstStride+i]; got != want {
					t.Fatalf("%T, %dx%d, strides %d and %d: element %d,%d is %v, want %v", want, rows, cols, srcStride, dstStride, j, i, got, want)
				}
			}
		}
	}
}

func TestTranspose(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		testTranspose(t, r, func(i int) uint8 { return uint8(i) })
		testTranspose(t, r, func(i int) int16 { return int16(i) })
		testTranspose(t, r, func(i int) float32 { return float32(i) })
		testTranspose(t, r, func(i int) int32 { return int32(i) })
		testTranspose(t, r, func(i int) float64 { return float64(i) })
		testTranspose(t, r, func(i int) bool { return i%3 == 0 })
	})
}
