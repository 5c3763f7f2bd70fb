package nnwit

import (
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// enum is a generated enumeration: numbered from 0, spelled as in WIT.
type enum interface {
	~uint8
	String() string
}

// cases returns the cases of a generated enumeration in order.
func cases[E enum]() []E {
	var all []E
	for e := E(0); !strings.HasPrefix(e.String(), "case("); e++ {
		all = append(all, e)
	}
	return all
}

// names maps between a generated enumeration and the service's words for the
// same things, by their spelling and never by their number.
type names[E enum, W comparable] struct {
	toWord []W // indexed by E
	toEnum map[W]E
}

// newNames pairs all cases of E with words of the same spelling. A case
// without a word, or a word without a case, is a fault of this host, found
// when the program starts.
func newNames[E enum, W comparable](words map[string]W) names[E, W] {
	n := names[E, W]{toEnum: map[W]E{}}
	for _, e := range cases[E]() {
		w, ok := words[e.String()]
		if !ok {
			panic(fmt.Sprintf("nnwit: %T has a case %s that the service has no word for", e, e))
		}
		n.toWord = append(n.toWord, w)
		n.toEnum[w] = e
	}
	if len(n.toEnum) != len(words) {
		panic(fmt.Sprintf("nnwit: %T has %d cases, the service %d words", E(0), len(n.toEnum), len(words)))
	}
	return n
}

// word is the service's word for e, which the ABI has checked to be a case.
func (n *names[E, W]) word(e E) W { return n.toWord[e] }

func errorCodes[E enum]() names[E, backends.Code] {
	words := map[string]backends.Code{}
	for _, c := range backends.Codes() {
		words[c.String()] = c
	}
	return newNames[E](words)
}

func tensorTypes[E enum]() names[E, backends.ElementType] {
	words := map[string]backends.ElementType{}
	for _, t := range []backends.ElementType{
		backends.FP16, backends.FP32, backends.FP64, backends.BF16, backends.U8, backends.I32, backends.I64,
	} {
		words[t.String()] = t
	}
	return newNames[E](words)
}

func graphEncodings[E enum]() names[E, backends.Encoding] {
	words := map[string]backends.Encoding{}
	for _, e := range []backends.Encoding{
		backends.OpenVINO, backends.ONNX, backends.TensorFlow, backends.PyTorch, backends.TensorFlowLite, backends.GGML, backends.Autodetect,
	} {
		words[string(e)] = e
	}
	return newNames[E](words)
}

func executionTargets[E enum]() names[E, backends.Target] {
	words := map[string]backends.Target{}
	for _, t := range []backends.Target{backends.CPU, backends.GPU, backends.TPU} {
		words[string(t)] = t
	}
	return newNames[E](words)
}
