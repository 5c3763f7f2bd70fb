package onnxruntime

import (
	"context"
	"fmt"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

func TestSmoke(t *testing.T) {
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := b.Info(t.Context())
	fmt.Printf("%+v %v\n", info, err)
	for _, m := range [][]byte{onnxtest.Add(4), onnxtest.Ordered(), onnxtest.NoInputs(), onnxtest.Optional(), onnxtest.NonZero(), onnxtest.Loop(5), onnxtest.MatMuls(4, 3), probeModel,
		onnxtest.Identity(onnxtest.BFloat16, onnxtest.Dims()), onnxtest.Identity(onnxtest.String, onnxtest.Dims()), onnxtest.Identity(onnxtest.Float, nil), onnxtest.External("w.bin"), nil, []byte("garbage"), onnxtest.Add(4)[:20], onnxtest.Unary("NoSuchOp", 1, nil)} {
		_, sn := b.Sniff([][]byte{m})
		g, err := b.Load(t.Context(), [][]byte{m}, backends.LoadOptions{Encoding: backends.ONNX})
		if err != nil {
			fmt.Println(sn, err)
			continue
		}
		d := g.(backends.Describer)
		fmt.Println(sn, d.Inputs(), d.Outputs())
		c, err := g.NewContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var in []backends.NamedTensor
		for _, i := range d.Inputs() {
			var dims []uint32
			for _, d := range i.Dims {
				if d < 0 {
					d = 3
				}
				dims = append(dims, uint32(d))
			}
			n, _ := backends.ByteSize(dims, i.Type)
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(i)
			}
			tt, err := backends.NewTensor(dims, i.Type, data)
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, backends.NamedTensor{Name: i.Name, Tensor: tt})
		}
		ctx, cancel := context.WithCancel(t.Context())
		out, err := c.Compute(ctx, in)
		fmt.Println(err)
		for _, o := range out {
			fmt.Println("  ", o.Name, o.Tensor.Type(), o.Tensor.Dims(), o.Tensor.Data())
		}
		cancel()
		_, err = c.Compute(ctx, in)
		fmt.Println(err)
		_, err = c.Compute(t.Context(), append(in, backends.NamedTensor{Name: "x"}))
		fmt.Println(err)
		_, err = c.Compute(t.Context(), nil)
		fmt.Println(err)
		g.Close()
		c.Close()
	}
}
