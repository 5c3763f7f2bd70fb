package program

import (
	"fmt"
	"slices"
	"sort"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// layout is where the values of a stage are in its arena.
type layout struct {
	size int // bytes of the arena
	// lower is the most bytes that are alive at one step, with what is concatenated made
	// in its place or copied there, whichever takes less: no arena is smaller.
	lower int
	// strings is how many bytes strings take besides, not counting their text.
	strings int
	// place is the offset of each value that has its own memory in the arena.
	place map[*value]int
	// view is the value whose memory another one has.
	view map[*value]*value
	// fresh are outputs of the graph, which get memory of their own in each run.
	fresh map[*value]bool
}

// alignment of values in an arena, in bytes: a cache line, and the widest vector.
const alignment = 64

// span of steps in which memory is in use.
type block struct {
	of         *value
	size       int
	start, end int // steps, both included
	offset     int

	written int    // the last step that writes to it
	within  *block // whose memory it is a part of, at this offset there; nil for none
	at      int
}

// layOut plans the memory of the stage: values that are not alive at the same step
// may share it, and outputs of operators that work in place take their input's.
func (s *stage) layOut() error {
	s.plan = layout{place: map[*value]int{}, view: map[*value]*value{}, fresh: map[*value]bool{}}
	last := s.lastUses()
	blocks := map[*value]*block{}
	root := func(v *value) *value {
		for s.plan.view[v] != nil {
			v = s.plan.view[v]
		}
		return v
	}
	s.chooseFresh()
	var order []*block
	for i, st := range s.steps {
		for k, v := range st.out {
			if v == nil || v.known() {
				continue
			}
			if from := s.shares(st, k, i, last, blocks, root); from != nil {
				s.plan.view[v] = from
				if b := blocks[root(v)]; b != nil {
					b.end = max(b.end, last[v])
					if st.plan.ViewOf == 0 {
						b.written = i
					}
				}
				continue
			}
			if s.plan.fresh[v] {
				continue
			}
			n, err := tensor.Bytes(v.info.Type, v.info.Shape)
			if err != nil {
				return err
			}
			if v.info.Type == tensor.String {
				s.plan.strings += n
				continue
			}
			b := &block{of: v, size: (n + alignment - 1) / alignment * alignment, start: i, end: max(i, last[v]), written: i}
			blocks[v] = b
			order = append(order, b)
		}
	}
	s.plan.lower = peak(order, len(s.steps))
	s.plan.size = place(order)
	if s.graph.opts.runs(passJoin) && !s.graph.opts.Tape {
		s.graph.changes.add(passJoin, s.join(order, func(v *value) *block { return blocks[root(v)] }))
	}
	for _, b := range order {
		s.plan.place[b.of] = b.from()
	}
	if s.plan.size < 0 {
		return fmt.Errorf("the values of the graph take more memory than can be counted")
	}
	return nil
}

// join has values made where operators that put them one behind the other want them,
// unless that takes much more memory: a value that waits long for its neighbours keeps
// their place, too. It returns how many values are.
func (s *stage) join(order []*block, of func(*value) *block) (joined int) {
	for i, st := range s.steps {
		if st.plan.Parts == nil || of(st.out[0]) == nil {
			continue
		}
		for k, at := range st.plan.Parts {
			if b := of(st.in[k]); b != nil && b.joins(of(st.out[0]), i) {
				b.within, b.at = of(st.out[0]), at
				b.within.start, b.within.end = min(b.within.start, b.start), max(b.within.end, b.end)
				joined++
			}
		}
	}
	if joined == 0 {
		return 0
	}
	var apart []*block
	for _, b := range order {
		if b.within == nil {
			apart = append(apart, b)
		}
	}
	slices.SortStableFunc(apart, func(a, b *block) int { return a.start - b.start })
	before := make([]int, len(apart))
	for k, b := range apart {
		before[k] = b.offset
	}
	if size := place(apart); size <= s.plan.size+s.plan.size/joinShare {
		s.plan.size = size
		s.plan.lower = min(s.plan.lower, peak(apart, len(s.steps)))
		return joined
	}
	for k, b := range apart {
		b.offset = before[k]
	}
	for _, b := range order {
		b.within = nil
	}
	return 0
}

// joinShare is by what part an arena may grow for values that are made in their place.
const joinShare = 4

// joins says whether b may be a part of what step i makes of it: nothing may write to
// either where the other is still to be read.
func (b *block) joins(whole *block, i int) bool {
	return b != whole && b.within == nil && b.written < i && (b.end <= i || whole.written == i)
}

// from is where a block begins in the arena.
func (b *block) from() int {
	if b.within != nil {
		return b.within.from() + b.at
	}
	return b.offset
}

// never is the last use of what outlives the stage.
const never = 1 << 40

// lastUses are the last steps that read each value.
func (s *stage) lastUses() map[*value]int {
	last := map[*value]int{}
	for i, st := range s.steps {
		for _, v := range st.in {
			if v != nil && v.slot >= 0 {
				last[v] = i
			}
		}
	}
	kept := map[int]bool{}
	for _, slot := range s.keep {
		kept[slot] = true
	}
	for _, v := range s.outs {
		kept[v.slot] = true
	}
	for _, st := range s.steps {
		for _, v := range st.out {
			if v != nil && kept[v.slot] {
				last[v] = never
			}
		}
	}
	return last
}

// chooseFresh marks the graph's outputs that a step writes, each once.
func (s *stage) chooseFresh() {
	made := map[*value]bool{}
	for _, st := range s.steps {
		for _, v := range st.out {
			if v != nil && st.plan.ViewOf == 0 {
				made[v] = true
			}
		}
	}
	for _, v := range s.outs {
		if made[v] {
			s.plan.fresh[v] = true
		}
	}
}

// shares is the input whose memory output k of a step takes, or nil.
func (s *stage) shares(st *step, k, at int, last map[*value]int, blocks map[*value]*block, root func(*value) *value) *value {
	if k != 0 {
		return nil
	}
	if st.plan.ViewOf > 0 {
		return st.in[st.plan.ViewOf-1]
	}
	out := st.out[0]
	if s.plan.fresh[out] || out.info.Type == tensor.String {
		return nil
	}
	for _, i := range st.plan.InPlace {
		if i >= len(st.in) || st.in[i] == nil {
			continue
		}
		b := blocks[root(st.in[i])]
		if b == nil || b.end > at || count(st.in, root, root(st.in[i])) > 1 {
			continue
		}
		if size, err := tensor.Bytes(out.info.Type, out.info.Shape); err == nil && size <= b.size && sameBytes(out, st.in[i]) {
			return st.in[i]
		}
	}
	return nil
}

// count is how many inputs of a step have a root.
func count(in []*value, root func(*value) *value, r *value) int {
	n := 0
	for _, v := range in {
		if v != nil && root(v) == r {
			n++
		}
	}
	return n
}

func sameBytes(a, b *value) bool {
	return tensor.Size(a.info.Shape)*tensor.ItemSize(a.info.Type) == tensor.Size(b.info.Shape)*tensor.ItemSize(b.info.Type)
}

// peak is the most bytes that blocks take at one step.
func peak(blocks []*block, steps int) int {
	change := make([]int, steps+2)
	for _, b := range blocks {
		change[b.start] += b.size
		change[min(b.end, steps)+1] -= b.size
	}
	most, now := 0, 0
	for _, c := range change {
		now += c
		most = max(most, now)
	}
	return most
}

// maxExact is how many blocks are placed by comparing each with all others.
const maxExact = 3000

// place gives blocks their offsets and returns the size of the arena. Large ones come
// first, each at the lowest offset where nothing alive at the same time is.
func place(blocks []*block) int {
	if len(blocks) > maxExact {
		return placeInTime(blocks)
	}
	bySize := slices.Clone(blocks)
	sort.SliceStable(bySize, func(i, j int) bool { return bySize[i].size > bySize[j].size })
	var placed []*block // by offset
	size := 0
	for _, b := range bySize {
		at := 0
		for _, p := range placed {
			if p.start > b.end || b.start > p.end {
				continue
			}
			if at+b.size <= p.offset {
				break
			}
			at = max(at, p.offset+p.size)
		}
		b.offset = at
		size = max(size, at+b.size)
		k := sort.Search(len(placed), func(i int) bool { return placed[i].offset > at })
		placed = slices.Insert(placed, k, b)
	}
	return size
}

// placeInTime is place for very many blocks: in the order of their start, reusing
// freed ones that are large enough.
func placeInTime(blocks []*block) int {
	type hole struct{ offset, size int }
	free := map[int][]hole{} // by size
	ends := map[int][]*block{}
	size, now := 0, 0
	for _, b := range blocks { // by start
		for ; now < b.start; now++ {
			for _, e := range ends[now] {
				free[e.size] = append(free[e.size], hole{e.offset, e.size})
			}
			delete(ends, now)
		}
		if hs := free[b.size]; len(hs) > 0 {
			b.offset = hs[len(hs)-1].offset
			free[b.size] = hs[:len(hs)-1]
		} else {
			b.offset = size
			size += b.size
		}
		ends[b.end] = append(ends[b.end], b)
	}
	return size
}
