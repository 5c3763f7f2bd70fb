package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/gemm"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/passes"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// fused are the operators that package passes makes.
func fused() []op.Spec {
	return []op.Spec{
		{Domain: passes.Domain, Name: "MatMul", Since: 1, MinIn: 2, MaxIn: 3, Compile: matMulBias},
		{Domain: passes.Domain, Name: "Gemm", Since: 1, MinIn: 2, MaxIn: 3, Compile: gemmCompile},
	}
}

// matMulBias is MatMul with a row added to each row of the product.
func matMulBias(n *op.Node) (*op.Plan, error) {
	p, shape, err := matMulShapes(n, n.In[0].Shape, n.In[1].Shape)
	if err != nil {
		return nil, err
	}
	if n.Has(2) {
		p.c = byColumn
		p.epilogue.Beta = 1
	}
	return p.plan(n, shape)
}

// follow makes a fused node's activation part of what follows its product.
func follow(n *op.Node, e *gemm.Epilogue) error {
	name := n.Str("activation", "")
	params := n.Floats("activation_params")
	param := func(i int) float32 {
		if i < len(params) {
			return params[i]
		}
		return 0
	}
	inPlace := func(f func(dst, x []float32)) { e.Post = func(row []float32) { f(row, row) } }
	switch name {
	case "":
	case "Relu":
		e.Activation = gemm.ReLU
	case "Clip":
		e.Activation, e.Lo, e.Hi = gemm.Clip, param(0), param(1)
	case "LeakyRelu":
		e.Activation, e.Slope = gemm.LeakyReLU, param(0)
	case "Sigmoid":
		inPlace(vec.Sigmoid)
	case "Tanh":
		inPlace(vec.Tanh)
	case "HardSwish":
		inPlace(vec.HardSwish)
	case "Gelu":
		if param(0) == 1 {
			inPlace(vec.GeluTanh)
		} else {
			inPlace(vec.Gelu)
		}
	case "HardSigmoid":
		inPlace(func(dst, x []float32) { vec.HardSigmoid(dst, x, param(0), param(1)) })
	case "Swish":
		inPlace(func(dst, x []float32) { vec.Swish(dst, x, param(0)) })
	default:
		return n.Unsupportedf("no product takes %q along", name)
	}
	return nil
}
