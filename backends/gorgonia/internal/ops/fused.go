package ops

import (
	"slices"

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
	if err := n.SameType(0, 1, 2); err != nil {
		return nil, err
	}
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
	params := n.Floats("activation_params")
	switch n.Str("activation", "") {
	case "":
		return nil
	case "Relu":
		e.Activation = gemm.ReLU
		return nil
	case "Clip":
		if len(params) == 2 {
			e.Activation, e.Lo, e.Hi = gemm.Clip, params[0], params[1]
			return nil
		}
	case "LeakyRelu":
		if len(params) == 1 {
			e.Activation, e.Slope = gemm.LeakyReLU, params[0]
			return nil
		}
	}
	var err error
	e.Post, err = activationOf(n)
	return err
}

// activationOf is a fused node's activation, in place; nil when it has none.
func activationOf(n *op.Node) (func(x []float32), error) {
	name := n.Str("activation", "")
	params := slices.Concat(n.Floats("activation_params"), []float32{0, 0})
	a, b := params[0], params[1]
	f, ok := map[string]func(x []float32){
		"":            nil,
		"Relu":        func(x []float32) { vec.Relu(x, x) },
		"Clip":        func(x []float32) { vec.Clip(x, x, a, b) },
		"LeakyRelu":   func(x []float32) { vec.LeakyRelu(x, x, a) },
		"Sigmoid":     func(x []float32) { vec.Sigmoid(x, x) },
		"Tanh":        func(x []float32) { vec.Tanh(x, x) },
		"HardSwish":   func(x []float32) { vec.HardSwish(x, x) },
		"HardSigmoid": func(x []float32) { vec.HardSigmoid(x, x, a, b) },
		"Swish":       func(x []float32) { vec.Swish(x, x, a) },
		"Elu":         func(x []float32) { vec.Elu(x, x, a) },
		"Softplus":    func(x []float32) { vec.Softplus(x, x) },
		"Softsign":    func(x []float32) { vec.Softsign(x, x) },
		"Gelu": func(x []float32) {
			if a == 1 {
				vec.GeluTanh(x, x)
			} else {
				vec.Gelu(x, x)
			}
		},
	}[name]
	if !ok {
		return nil, n.Unsupportedf("no product takes %q along", name)
	}
	return f, nil
}
