package program

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

const (
	// elementsBlock is how many elements go through a chain at once: they stay in the
	// first-level cache.
	elementsBlock = 4096
	// elementsGrain is how many are worth a thread.
	elementsGrain = 1 << 14
	// elementsInputs is how many inputs a chain has at most, those that are left out counted.
	elementsInputs = 64
)

// fuseElements makes one step of element-wise operators that follow each other, when
// nothing else reads what is between them: it goes through memory once. It returns how
// many steps are gone.
func (s *stage) fuseElements() int {
	uses, maker := s.uses(), map[*value]int{}
	gone := make([]bool, len(s.steps))
	for i, st := range s.steps {
		for k, each := range st.plan.Each {
			if each == nil || st.in[k] == nil || uses[st.in[k]] != 1 {
				continue
			}
			at, ok := maker[st.in[k]]
			if !ok || i-at > 1 && s.steps[at].tensors() > 1 { // what it reads would wait too long
				continue
			}
			if len(s.steps[at].in)+len(st.in) > elementsInputs {
				continue
			}
			if from := s.steps[at].elementsInput(); from >= 0 {
				s.steps[i] = chained(s.steps[at], from, st, k)
				gone[at] = true
				break
			}
		}
		if out := s.steps[i].out; len(out) > 0 && out[0] != nil {
			maker[out[0]] = i
		}
	}
	kept := s.steps[:0]
	for i, st := range s.steps {
		if !gone[i] {
			kept = append(kept, st)
		}
	}
	all := len(s.steps)
	s.steps = kept
	return all - len(kept)
}

// uses counts who reads each value: steps, what follows them, and whoever asked for it.
func (s *stage) uses() map[*value]int {
	uses, kept := map[*value]int{}, map[int]bool{}
	for _, slot := range s.keep {
		kept[slot] = true
	}
	for _, st := range append(s.steps[:len(s.steps):len(s.steps)], s.evals...) {
		for _, v := range st.in {
			uses[v]++
		}
		for _, v := range st.out {
			if v != nil && kept[v.slot] {
				uses[v]++
			}
		}
	}
	for _, v := range s.outs {
		uses[v]++
	}
	return uses
}

// tensors is how many values a step reads that are not constant.
func (st *step) tensors() int {
	n := 0
	for _, v := range st.in {
		if v != nil && !v.known() {
			n++
		}
	}
	return n
}

// elementsInput is the input that an element-wise step goes along, or -1.
func (st *step) elementsInput() int {
	for k, each := range st.plan.Each {
		if each != nil && st.in[k] != nil && !st.in[k].known() {
			return k
		}
	}
	return -1
}

// chained is the step that does first, along its input from, and then goes on with then,
// whose input into it is. Its inputs are those of both.
func chained(first *step, from int, then *step, into int) *step {
	n, one, two := len(first.in), first.plan.Each[from], then.plan.Each[into]
	st := &step{node: then.node, out: then.out, in: append(first.in[:n:n], then.in...)}
	st.in[n+into] = nil
	each := func(in []*tensor.Tensor, dst, src []float32, at int) {
		one(in[:n], dst, src, at)
		two(in[n:], dst, dst, at)
	}
	plan := &op.Plan{Out: then.plan.Out, InPlace: []int{from}, Each: make([]op.Each, len(st.in))}
	plan.Each[from] = each
	plan.Run = func(r *op.Run, in, out []*tensor.Tensor) error {
		dst, src := tensor.As[float32](out[0]), tensor.As[float32](in[from])
		r.For(len(dst), elementsGrain, func(lo, hi int) {
			for at := lo; at < hi; at += elementsBlock {
				end := min(at+elementsBlock, hi)
				each(in, dst[at:end], src[at:end], at)
			}
		})
		return nil
	}
	st.plan = plan
	return st
}
