package conv

import (
	"fmt"
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/vec"
)

// Kind is the function that an Activation applies.
type Kind uint8

// The functions, by their names in package vec. None is the identity.
const (
	None        Kind = iota
	Relu             // max(x, 0)
	Clip             // min(max(x, Alpha), Beta)
	LeakyRelu        // x, or Alpha*x below 0
	Sigmoid          // 1 / (1 + e^-x)
	Tanh             // the hyperbolic tangent
	Swish            // x * Sigmoid(Alpha*x); Alpha 1 is SiLU
	HardSigmoid      // max(0, min(1, Alpha*x + Beta))
	HardSwish        // x * max(0, min(1, x/6 + 1/2))
)

// Activation is applied to what a convolution computes, while it is in the cache.
type Activation struct {
	Kind        Kind
	Alpha, Beta float32
}

func (a Activation) check() error {
	if a.Kind > HardSwish {
		return fmt.Errorf("activation %d is unknown: the last is %d", a.Kind, HardSwish)
	}
	if a.Kind == Clip && (a.Alpha != a.Alpha || a.Beta != a.Beta) {
		return fmt.Errorf("the limits of Clip are %v and %v: both must be numbers", a.Alpha, a.Beta)
	}
	return nil
}

// limits are those between which results are kept: infinite ones for functions that
// are applied afterwards.
func (a Activation) limits() (low, high float32) {
	switch a.Kind {
	case Relu:
		return 0, float32(math.Inf(1))
	case Clip:
		return a.Alpha, a.Beta
	}
	return float32(math.Inf(-1)), float32(math.Inf(1))
}

// isLimits says whether limits are all there is to it.
func (a Activation) isLimits() bool { return a.Kind <= Clip }

// apply does what limits leave to do.
func (a Activation) apply(x []float32) {
	switch a.Kind {
	case LeakyRelu:
		vec.LeakyRelu(x, x, a.Alpha)
	case Sigmoid:
		vec.Sigmoid(x, x)
	case Tanh:
		vec.Tanh(x, x)
	case Swish:
		vec.Swish(x, x, a.Alpha)
	case HardSigmoid:
		vec.HardSigmoid(x, x, a.Alpha, a.Beta)
	case HardSwish:
		vec.HardSwish(x, x)
	}
}
