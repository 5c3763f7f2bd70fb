package abi

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Frame is a function that was active when a guest trapped.
type Frame struct {
	// Module is the index of the core module in the component, in the order in which they
	// are instantiated first; -1 where there is one module, or for a function of the host.
	Module int `json:"module"`
	// Func is the function's index in the module, imported ones included.
	Func uint32 `json:"func"`
	// Name is its name in the module's name section, cut off after 256 bytes; empty when it
	// has none. It is the guest's word, and may be anything: quote it before it
	// reaches a terminal, as String does.
	Name string `json:"name,omitempty"`
	// Offset is where in the core module's binary the instruction is that trapped or that
	// called; 0 when that is not known.
	Offset uint64 `json:"offset,omitempty"`
	// Source is the file, line and column, by the module's DWARF sections, where it has
	// them. It is the guest's word, as Name is.
	Source string `json:"source,omitempty"`
	// Host is the name of a function of the host or of another component; the fields
	// above say nothing then.
	Host string `json:"host,omitempty"`
}

// String returns one line, such as
//
//	module[1]!func[17] "crate::decode::inner" at 0x1a2b (src/decode.rs:12:3)
func (f Frame) String() string {
	if f.Host != "" {
		return "import " + visible(f.Host)
	}
	var b strings.Builder
	if f.Module >= 0 {
		fmt.Fprintf(&b, "module[%d]!", f.Module)
	}
	fmt.Fprintf(&b, "func[%d]", f.Func)
	if f.Name != "" {
		b.WriteString(" " + strconv.QuoteToGraphic(f.Name))
	}
	if f.Offset != 0 {
		fmt.Fprintf(&b, " at %#x", f.Offset)
	}
	if f.Source != "" {
		b.WriteString(" (" + visible(f.Source) + ")")
	}
	return b.String()
}

// visible is s with whatever a terminal might obey escaped.
func visible(s string) string {
	q := strconv.QuoteToGraphic(s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q
}

// maxTraces is of how many calls of core code a trap keeps where they were. wazero
// tells 30 frames of each, and maxFrames is the most in all.
const (
	maxTraces = 100
	maxFrames = 100
)

// backtrace is where a trap was, found when somebody asks for it.
type backtrace struct {
	mu     sync.Mutex
	traces []func() []Frame // of calls of core code, innermost first
	frames []Frame
	done   int // traces that are in frames
}

// AddTrace has trace tell the functions that were active in one more call of core code, which
// is around those that were added before. It is called when somebody asks.
func (t *Trap) AddTrace(trace func() []Frame) {
	if t.where == nil {
		t.where = &backtrace{}
	}
	t.where.mu.Lock()
	defer t.where.mu.Unlock()
	if len(t.where.traces) < maxTraces {
		t.where.traces = append(t.where.traces, trace)
	}
}

// Frames returns the functions that were active, innermost first, 100 at most; of each
// call of core code, wazero tells no more than 30, and none when the stack
// overflowed in compiled code. It is nil for a trap that no core code was part of.
func (t *Trap) Frames() []Frame {
	if t.where == nil {
		return nil
	}
	w := t.where
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; w.done < len(w.traces) && len(w.frames) < maxFrames; w.done++ {
		w.frames = append(w.frames, w.traces[w.done]()...)
	}
	if len(w.frames) > maxFrames {
		w.frames = w.frames[:maxFrames:maxFrames]
	}
	return w.frames
}

// innermost is the guest's function where the trap was, as words for a message.
func (t *Trap) innermost() string {
	for _, f := range t.Frames() {
		if f.Host == "" {
			return " in " + f.String()
		}
	}
	return ""
}
