package wasinn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// Resolve finds the tensor that a guest means by name: the one of exactly that
// name; or, when there is none, the one whose decimal index it is; or, when
// name is empty, the only one. It returns its index and whether there is one.
func Resolve(infos []backends.TensorInfo, name string) (int, bool) {
	for i := range infos {
		if infos[i].Name == name {
			return i, true
		}
	}
	return standsFor(name, len(infos))
}

// ResolveOutput is [Resolve] for what a compute returned.
func ResolveOutput(outs []backends.NamedTensor, name string) (int, bool) {
	for i := range outs {
		if outs[i].Name == name {
			return i, true
		}
	}
	return standsFor(name, len(outs))
}

// standsFor reads a name that is none of n tensors' as an index of one.
func standsFor(name string, n int) (int, bool) {
	if name == "" {
		return 0, n == 1
	}
	if i, err := strconv.ParseUint(name, 10, 31); err == nil && i < uint64(n) {
		return int(i), true
	}
	return 0, false
}

// carriers lists, for the element types that wasi-nn lacks, the one of its
// types that has the same size and carries the same bits.
var carriers = map[backends.ElementType]backends.ElementType{
	backends.Bool: backends.U8,
	backends.I8:   backends.U8,
	backends.U32:  backends.I32,
	backends.U64:  backends.I64,
}

// Carrier returns the wasi-nn type in which elements of type t cross to a
// guest: t itself when it is one of the seven, U8 for BOOL and I8, I32 for U32
// and I64 for U64, with the same bits. ok is false for all others.
func Carrier(t backends.ElementType) (_ backends.ElementType, ok bool) {
	switch t {
	case backends.FP16, backends.FP32, backends.FP64, backends.BF16, backends.U8, backends.I32, backends.I64:
		return t, true
	}
	c, ok := carriers[t]
	return c, ok
}

// manyInputs is from where on a map finds a name faster than a search.
const manyInputs = 16

// matcher gives an engine its inputs under the model's names, in the model's
// order, type and rank. It belongs to one execution context and is used again
// for every compute, so that matching allocates nothing.
type matcher struct {
	infos   []backends.TensorInfo
	byName  map[string]int // for many inputs, else nil
	slots   []*backends.Tensor
	adapted []backends.Tensor // of other type or rank than the guest gave
	out     []backends.NamedTensor
}

func newMatcher(infos []backends.TensorInfo) *matcher {
	m := &matcher{
		infos:   infos,
		slots:   make([]*backends.Tensor, len(infos)),
		adapted: make([]backends.Tensor, len(infos)),
		out:     make([]backends.NamedTensor, 0, len(infos)),
	}
	if len(infos) > manyInputs {
		m.byName = make(map[string]int, len(infos))
		for i := len(infos) - 1; i >= 0; i-- {
			m.byName[infos[i].Name] = i
		}
	}
	return m
}

func (m *matcher) resolve(name string) (int, bool) {
	if m.byName != nil {
		if i, ok := m.byName[name]; ok {
			return i, true
		}
	}
	return Resolve(m.infos, name)
}

// inputs matches in to the model's inputs; the result is valid until the next
// call. A model that does not describe itself gets in as it is.
func (m *matcher) inputs(in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	if len(m.infos) == 0 {
		return in, nil
	}
	clear(m.slots)
	for i := range in {
		if err := m.place(in[i]); err != nil {
			return nil, err
		}
	}
	m.out = m.out[:0]
	for i, t := range m.slots {
		if t == nil {
			return nil, backends.Errorf(backends.InvalidArgument,
				"input %q is not set; the model wants %s", m.infos[i].Name, describeAll(m.infos))
		}
		m.out = append(m.out, backends.NamedTensor{Name: m.infos[i].Name, Tensor: t})
	}
	return m.out, nil
}

func (m *matcher) place(nt backends.NamedTensor) error {
	i, ok := m.resolve(nt.Name)
	if !ok {
		return backends.Errorf(backends.InvalidArgument,
			"the model has no input %q; it wants %s", strings.Clone(nt.Name), describeAll(m.infos))
	}
	if nt.Tensor == nil {
		return backends.Errorf(backends.InvalidArgument, "input %q has no tensor", m.infos[i].Name)
	}
	if m.slots[i] != nil {
		return backends.Errorf(backends.InvalidArgument, "input %q is set twice", m.infos[i].Name)
	}
	t, err := m.adapt(i, nt.Tensor)
	if err != nil {
		return err
	}
	m.slots[i] = t
	return nil
}

// adapt returns t as input i wants it, or says why it cannot be that.
func (m *matcher) adapt(i int, t *backends.Tensor) (*backends.Tensor, error) {
	info := &m.infos[i]
	if info.Type == backends.String {
		return nil, backends.Errorf(backends.UnsupportedOperation,
			"input %q holds strings, which wasi-nn has no tensors of", info.Name)
	}
	dims, ty := t.Dims(), t.Type()
	if ty != info.Type {
		if c, ok := carriers[info.Type]; !ok || c != ty {
			return nil, mismatch(info, t)
		}
		ty = info.Type
	}
	if len(info.Dims) == 0 && !info.Unranked && len(dims) == 1 && dims[0] == 1 {
		dims = nil
	}
	if !info.Unranked && !fits(dims, info.Dims) {
		return nil, mismatch(info, t)
	}
	if ty == t.Type() && len(dims) == len(t.Dims()) {
		return t, nil
	}
	if err := m.adapted[i].Reset(dims, ty, t.Data()); err != nil {
		return nil, backends.Annotate(err, "input %q", info.Name)
	}
	return &m.adapted[i], nil
}

func fits(dims []uint32, want []int64) bool {
	if len(dims) != len(want) {
		return false
	}
	for i, w := range want {
		if w >= 0 && int64(dims[i]) != w {
			return false
		}
	}
	return true
}

func mismatch(info *backends.TensorInfo, t *backends.Tensor) error {
	return backends.Errorf(backends.InvalidArgument,
		"input %q: found %s%v, the model wants %s", info.Name, t.Type(), slices.Clone(t.Dims()), describe(*info))
}

// describe writes a tensor as FP32[1 3 ? ?].
func describe(info backends.TensorInfo) string {
	if info.Unranked {
		return fmt.Sprintf("%s of any shape", info.Type)
	}
	dims := make([]string, len(info.Dims))
	for i, d := range info.Dims {
		dims[i] = "?"
		if d >= 0 {
			dims[i] = strconv.FormatInt(d, 10)
		}
	}
	return fmt.Sprintf("%s[%s]", info.Type, strings.Join(dims, " "))
}

// describeAll lists some of a model's inputs for a message.
func describeAll(infos []backends.TensorInfo) string {
	const most = 8
	var words []string
	for _, info := range infos[:min(most, len(infos))] {
		words = append(words, fmt.Sprintf("%q %s", info.Name, describe(info)))
	}
	if more := len(infos) - most; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}
