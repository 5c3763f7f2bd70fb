package neon

import (
	"cmp"
	"fmt"
	"slices"
)

// span is from where a virtual register is first written to where it is last used, in
// lines.
type span struct {
	v           V
	first, last int
}

// allocate gives numbers to virtual registers: by a linear scan over spans, of those
// numbers that the function does not name itself.
func (f *Func) allocate() (number func(V) int) {
	free := f.unnamed()
	numbers := map[V]int{}
	var live []span
	for _, s := range f.spans() {
		live = slices.DeleteFunc(live, func(old span) bool {
			// What is read last and what is written by one instruction may share a register.
			ended := old.last <= s.first
			if ended {
				free = append(free, numbers[old.v])
			}
			return ended
		})
		if len(free) == 0 {
			panic(fmt.Sprintf("neon: %s needs more than 32 registers at line %d: %q", f.name, s.first, f.code[s.first].text))
		}
		slices.Sort(free)
		numbers[s.v], free = free[0], free[1:]
		live = append(live, s)
	}
	return func(v V) int {
		if v < virtual {
			return int(v)
		}
		return numbers[v]
	}
}

// unnamed are the registers that the function does not name by number.
func (f *Func) unnamed() []int {
	var named [virtual]bool
	for _, l := range f.code {
		for _, o := range l.regs {
			if o.v < virtual {
				named[o.v] = true
			}
		}
	}
	var free []int
	for n, is := range named {
		if !is {
			free = append(free, n)
		}
	}
	return free
}

// spans are those of all virtual registers, by their beginnings.
func (f *Func) spans() []span {
	spans := map[V]*span{}
	labels := map[string]int{}
	for i, l := range f.code {
		if l.label != "" {
			labels[l.label] = i
		}
		for _, o := range l.regs {
			if o.v < virtual {
				continue
			}
			if spans[o.v] == nil {
				if o.read {
					panic(fmt.Sprintf("neon: %s reads %s at line %d, before it is written: %q", f.name, o.v.Asm(), i, l.text))
				}
				spans[o.v] = &span{v: o.v, first: i}
			}
			spans[o.v].last = i
		}
	}
	f.throughLoops(spans, labels)
	var list []span
	for _, s := range spans {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b span) int { return cmp.Or(a.first-b.first, int(a.v-b.v)) })
	return list
}

// throughLoops makes what is written before a loop and used in it last for all of it.
func (f *Func) throughLoops(spans map[V]*span, labels map[string]int) {
	for changed := true; changed; {
		changed = false
		for i, l := range f.code {
			if l.branch == "" {
				continue
			}
			head, ok := labels[l.branch]
			if !ok {
				panic(fmt.Sprintf("neon: %s has no label %s", f.name, l.branch))
			}
			if head > i {
				continue
			}
			for _, s := range spans {
				if s.first < head && s.last >= head && s.last < i {
					s.last = i
					changed = true
				}
			}
		}
	}
}
