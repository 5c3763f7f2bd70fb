package walk

import (
	"bytes"
	"testing"
)

// TestTheModelsHaveTheNetworksWeights: the parameters that the papers' networks
// have, four bytes each, and the same ones each time.
func TestTheModelsHaveTheNetworksWeights(t *testing.T) {
	for _, c := range []struct {
		name       string
		make       func(uint64) []byte
		parameters int
	}{
		{"SqueezeNet 1.1", SqueezeNet, 1_235_496},
		// 3504872 learned, and the means and variances of 17056 normalised channels.
		{"MobileNetV2", MobileNetV2, 3_504_872 + 2*17_056},
	} {
		model := c.make(1)
		const structure = 20_000 // nodes and names, at most
		if extra := len(model) - 4*c.parameters; extra < 0 || extra > structure {
			t.Errorf("%s has %d bytes: %d beyond its %d parameters", c.name, len(model), extra, c.parameters)
		}
		if !bytes.Equal(model, c.make(1)) {
			t.Errorf("%s is another model each time", c.name)
		}
		if bytes.Equal(model, c.make(2)) {
			t.Errorf("%s does not depend on the seed", c.name)
		}
	}
}
