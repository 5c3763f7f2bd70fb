package corebin

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// RawFrame is one line of a stack trace of wazero, with its numbers as they are in the
// rewritten module.
type RawFrame struct {
	// Module is what [RewriteOptions.Trace] called the module; for a function of the
	// host it is empty, and Host its name.
	Module string
	Host   string
	// Func is the function's index, Offset where in the code section's contents the
	// instruction is that runs; 0 when that is not known.
	Func   uint32
	Offset uint64
}

// hostModule is what the module of a component's imports is called.
const hostModule = "host"

// traceHead stands in wazero's texts before the functions that were active.
const traceHead = "\nwasm stack trace:\n\t"

// CutTrace splits the text of an error of wazero into what happened and the functions that
// were active, innermost first. Functions of module tick are left out.
func CutTrace(text, tick string) (what string, frames []RawFrame) {
	what, trace, _ := strings.Cut(text, traceHead)
	trace, _, _ = strings.Cut(trace, "\n\n") // of Go
	for line := range strings.SplitSeq(trace, "\n") {
		line, isFrame := strings.CutPrefix("\t"+strings.TrimPrefix(line, "\t"), "\t")
		if offset, ok := strings.CutPrefix(line, "\t"); ok { // a source line of the frame before
			if n := len(frames); n > 0 {
				frames[n-1].Offset = offsetIn(offset)
			}
			continue
		}
		if f, ok := rawFrame(line); ok && isFrame && (f.Module != "" || f.Host != tick) {
			frames = append(frames, f)
		}
	}
	return what, frames
}

// offsetIn reads the offset of a source line such as "0x1a: .:1".
func offsetIn(line string) uint64 {
	digits, _, _ := strings.Cut(line, ":")
	n, err := strconv.ParseUint(digits, 0, 64)
	if err != nil {
		return 0
	}
	return n
}

// rawFrame reads a line such as
//
//	m1.$71(i32) i32           a function of a guest, whose names wazero does not know
//	host.wasi:io/poll#poll()  one of the host
func rawFrame(line string) (f RawFrame, ok bool) {
	module, name, ok := strings.Cut(line, ".")
	if !ok || module == "" { // "... maybe followed by omitted frames"
		return f, false
	}
	// The types of parameters and results follow the name, without blanks in
	// the parameters.
	if i := strings.LastIndex(name, ") "); i >= 0 {
		name = name[:i+1]
	}
	if strings.HasSuffix(name, ")") {
		if i := strings.LastIndexByte(name, '('); i >= 0 {
			name = name[:i]
		}
	}
	if digits, isIndex := strings.CutPrefix(name, "$"); isIndex {
		index, err := strconv.ParseUint(digits, 10, 32)
		return RawFrame{Module: module, Func: uint32(index)}, err == nil
	}
	if module != hostModule {
		name = module + "." + name
	}
	return RawFrame{Host: name}, true
}

// Frame is a function that was active, in the numbers of the module as it was before it
// was rewritten.
type Frame struct {
	Func uint32 // index, imported functions included
	Name string // in the name section; empty when it has none
	// Offset is where in the module's binary the instruction is; 0 when that is not known.
	Offset uint64
	// Source is the file and the line, such as src/lib.rs:12:3, where the module has DWARF
	// sections that tell.
	Source string
}

// maxName is the most bytes of a name that a frame has: names may be megabytes.
const maxName = 256

// Locate finds the frames, which are of one module, in its binary. ticks tells
// whether it was rewritten with ticks. It rewrites the module once more and notes
// what goes where, since traps are rare and such a map is as large as the code.
// What it cannot read it leaves out.
func Locate(module []byte, ticks bool, raw []RawFrame) []Frame {
	rw := &rewriter{sought: map[uint32]*moved{}}
	frames := make([]Frame, len(raw))
	for i, f := range raw {
		frames[i].Func = f.Func
		if ticks && f.Func > 0 { // what is defined moved up by the tick
			frames[i].Func--
		}
		rw.sought[frames[i].Func] = &moved{}
	}
	if ticks {
		rw.opts.Tick = &ImportName{}
	}
	if rw.readSections(module) != nil {
		return frames
	}
	if _, err := rw.write(module); err == nil {
		for i, f := range raw {
			frames[i].Offset = rw.sought[frames[i].Func].from(f.Offset)
		}
	}
	rw.nameFrames(module, frames)
	for i := range frames {
		if s := rw.sections[sectionCode]; s != nil && frames[i].Offset != 0 {
			frames[i].Source = rw.source(module, frames[i].Offset-uint64(s.start))
		}
	}
	return frames
}

// moved says where the instructions of a function went.
type moved struct {
	base   int    // where the rewritten code is in the section's contents
	marks  []mark // in order
	copied int    // where the code was copied from, when it is as it was
}

// mark is an instruction: in is its offset in the module, out in the code that was
// made of the function.
type mark struct{ out, in int }

// from is where in the module the instruction is that went to an offset in the code
// section's contents, 0 when none did.
func (m *moved) from(offset uint64) uint64 {
	if m.copied > 0 && offset != 0 {
		return uint64(int(offset) - m.base + m.copied)
	}
	k, found := slices.BinarySearchFunc(m.marks, int(offset)-m.base, func(k mark, out int) int { return k.out - out })
	if !found {
		k-- // what ticks put behind it
	}
	if offset == 0 || k < 0 {
		return 0
	}
	return uint64(m.marks[k].in)
}

// nameFrames looks the frames' functions up in the name section.
func (rw *rewriter) nameFrames(module []byte, frames []Frame) {
	if rw.names == nil {
		return
	}
	c := &cursor{data: module[:rw.names.end], pos: rw.names.start}
	for c.pos < len(c.data) && c.err == nil {
		id := c.byte()
		size := c.u32()
		start := c.take(uint64(size))
		if id != 1 || c.err != nil {
			continue
		}
		sub := &cursor{data: c.data[:c.pos], pos: start}
		for range sub.count(2) {
			index := sub.u32()
			length := sub.u32()
			at := sub.take(uint64(length))
			if sub.err != nil {
				return
			}
			for i := range frames {
				if frames[i].Func == index {
					frames[i].Name = cutName(sub.data[at:sub.pos])
				}
			}
		}
	}
}

// cutName makes a name short, and its bytes valid.
func cutName(name []byte) string {
	if len(name) > maxName {
		end := maxName
		for end > maxName-utf8.UTFMax && !utf8.RuneStart(name[end]) {
			end--
		}
		return strings.ToValidUTF8(string(name[:end]), "\ufffd") + "..."
	}
	return strings.ToValidUTF8(string(name), "\ufffd")
}
