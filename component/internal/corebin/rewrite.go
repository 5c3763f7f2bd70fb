package corebin

import (
	"encoding/binary"
	"fmt"
	"math"
)

// ImportName is the two-level name of a core import.
type ImportName struct{ Module, Name string }

// RewriteOptions say what Rewrite changes. The zero value changes nothing but
// the custom sections.
type RewriteOptions struct {
	// Rename gives the new name of import i; nil keeps every name.
	Rename func(i int, old ImportName) ImportName
	// Tick, when not nil, names a host function () -> i32 that the rewritten
	// module imports and calls each time its fuel runs out. The result is the
	// fuel for the next stretch. One unit burns per loop iteration, paid for 16
	// or 256 at a time from a function's first one on, and per call of a function that calls
	// others, so no guest code runs for long without coming by.
	Tick *ImportName
	// MaxTable, when not 0, is the most elements that a table which the module
	// defines may grow to. A minimum above it is left as it is.
	MaxTable uint32
	// Trace, when not empty, is what wazero's stack traces call the module, without a
	// dot. Functions have no names then, but their indices, since names are the
	// guest's and may be anything, and instructions have offsets: see [CutTrace].
	Trace string
}

// InitialFuel is what a module starts with before its first tick. It is small,
// so that short runs of large functions are seen early.
const InitialFuel = 1000

// Rewrite returns a copy of a core module with its imports renamed and, when
// asked, ticks injected. Function names are kept but where Trace is set; other custom
// sections go, since the offsets in them would be wrong.
//
// The module has to be well-formed as far as Rewrite reads it; what it copies
// unread stays as valid or invalid as it was. Errors are *Error and carry the
// offset in module.
func Rewrite(module []byte, opts RewriteOptions) ([]byte, error) {
	rw := &rewriter{opts: opts}
	if err := rw.readSections(module); err != nil {
		return nil, err
	}
	return rw.write(module)
}

// The identifiers of core sections.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
)

// sectionOrder is the order in which sections stand in a module.
var sectionOrder = [...]byte{
	sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionTag, sectionGlobal,
	sectionExport, sectionStart, sectionElement, sectionDataCount, sectionCode, sectionData,
}

// preamble is the magic number and version 1 of a core module.
const preamble = "\x00asm\x01\x00\x00\x00"

type rewriter struct {
	opts     RewriteOptions
	sections [sectionTag + 1]*span // nil where absent
	names    *span                 // payload of the name section

	params    []uint32 // parameters of each function type
	functions []uint32 // type of each defined function

	importedFuncs, importedGlobals uint32
	tickFunc, fuelGlobal           uint32
	mutable                        []bool // of the globals that are read so far

	blocks []uint32 // room for instructionWriter.loops

	noted  *moved            // of the function that is being written, if it is sought
	dwarf  *dwarfData        // nil until it is asked for
	sought map[uint32]*moved // functions of which is noted what goes where: see Locate
}

// span is a range of bytes in the module.
type span struct{ start, end int }

func (rw *rewriter) readSections(module []byte) error {
	if len(module) < len(preamble) || string(module[:len(preamble)]) != preamble {
		return errorAt(0, "not a core module: the first 8 bytes are not those of version 1")
	}
	c := &cursor{data: module, pos: len(preamble)}
	for c.pos < len(module) {
		id := c.byte()
		size := c.u32()
		body := c.take(uint64(size))
		if c.err != nil {
			return c.err
		}
		s := &span{body, c.pos}
		switch {
		case id == sectionCustom:
			n := &cursor{data: module[:s.end], pos: s.start}
			if n.name() == "name" && n.err == nil {
				rw.names = &span{n.pos, s.end}
			}
		case int(id) >= len(rw.sections):
			return errorAt(body, "unknown section %d", id)
		case rw.sections[id] != nil:
			return errorAt(body, "section %d stands twice", id)
		default:
			rw.sections[id] = s
		}
	}
	return nil
}

// section returns a cursor over a section's payload, or nil when it is absent.
func (rw *rewriter) section(module []byte, id byte) *cursor {
	s := rw.sections[id]
	if s == nil {
		return nil
	}
	return &cursor{data: module[:s.end], pos: s.start}
}

func (rw *rewriter) write(module []byte) ([]byte, error) {
	steps := []struct {
		id byte
		fn func(*cursor, []byte) ([]byte, error)
	}{
		{sectionType, rw.types}, {sectionImport, rw.imports}, {sectionFunction, rw.functionTypes},
		{sectionTable, rw.tables}, {sectionGlobal, rw.globals}, {sectionExport, rw.exports},
		{sectionStart, rw.start}, {sectionElement, rw.elements}, {sectionCode, rw.code}, {sectionData, rw.data},
	}
	var done [sectionTag + 1][]byte
	for _, s := range steps {
		c := rw.section(module, s.id)
		if c == nil && !rw.adds(s.id) {
			continue
		}
		if c == nil {
			c = &cursor{data: []byte{0}} // an empty vector, for what is added
		}
		out, err := s.fn(c, nil)
		if err == nil {
			err = c.err
		}
		if err == nil && c.pos != len(c.data) {
			err = errorAt(c.pos, "section %d has %d bytes too many", s.id, len(c.data)-c.pos)
		}
		if err != nil {
			return nil, err
		}
		done[s.id] = out
	}
	out := append(make([]byte, 0, len(module)+len(module)/4+64), preamble...)
	for _, id := range sectionOrder {
		payload := done[id]
		if payload == nil && rw.sections[id] != nil {
			payload = module[rw.sections[id].start:rw.sections[id].end]
		}
		if payload != nil {
			out = appendSection(out, id, payload)
		}
	}
	if names := rw.functionNames(module); names != nil {
		out = appendSection(out, sectionCustom, names)
	}
	if rw.opts.Trace != "" {
		out = appendDWARF(out, uint32(len(done[sectionCode])))
	}
	return out, nil
}

// adds reports whether ticks make a section appear in a module without it.
func (rw *rewriter) adds(id byte) bool {
	return rw.opts.Tick != nil && (id == sectionType || id == sectionImport || id == sectionGlobal)
}

// types copies the type section, noting how many parameters each type has, and
// adds the tick's type.
func (rw *rewriter) types(c *cursor, out []byte) ([]byte, error) {
	n := c.count(2)
	body := c.pos
	for range n {
		at := c.pos
		if form := c.byte(); form != 0x60 && c.err == nil {
			return nil, errorAt(at, "type form %#x belongs to the GC proposal, which this engine does not have", form)
		}
		params := c.count(1)
		for range params {
			c.valType()
		}
		for range c.count(1) {
			c.valType()
		}
		rw.params = append(rw.params, params)
	}
	if c.err != nil {
		return nil, c.err
	}
	if rw.opts.Tick == nil {
		return append(appendU32(out, n), c.data[body:c.pos]...), nil
	}
	out = append(appendU32(out, n+1), c.data[body:c.pos]...)
	return append(out, 0x60, 0, 1, 0x7f), nil
}

// imports renames every import and adds the tick behind the last, so that only
// defined functions move, by one.
func (rw *rewriter) imports(c *cursor, out []byte) ([]byte, error) {
	n := c.count(4)
	total := n
	if rw.opts.Tick != nil {
		total++
	}
	out = appendU32(out, total)
	for i := range n {
		name := ImportName{c.name(), c.name()}
		desc := c.pos
		switch kind := c.byte(); kind {
		case 0:
			rw.own(c, "type", uint64(len(rw.params)))
			rw.importedFuncs++
		case 1:
			c.tableType()
		case 2:
			c.limits()
		case 3:
			c.valType()
			rw.mutable = append(rw.mutable, c.byte() == 1)
			rw.importedGlobals++
		case 4:
			c.byte()
			rw.own(c, "type", uint64(len(rw.params)))
		default:
			c.fail(desc, "import kind %#x: expected 0 to 4", kind)
		}
		if c.err != nil {
			return nil, c.err
		}
		if rw.opts.Rename != nil {
			name = rw.opts.Rename(int(i), name)
		}
		out = appendName(appendName(out, name.Module), name.Name)
		out = append(out, c.data[desc:c.pos]...)
	}
	if t := rw.opts.Tick; t != nil {
		rw.tickFunc = rw.importedFuncs
		out = appendName(appendName(out, t.Module), t.Name)
		out = appendU32(append(out, 0), uint32(len(rw.params)))
	}
	return out, nil
}

// own reads the index of something that the module has by itself: without the
// check, the next index behind the last would reach what Rewrite adds, such as
// the fuel.
func (rw *rewriter) own(c *cursor, what string, count uint64) uint32 {
	at := c.pos
	index := c.u32()
	rw.within(c, at, what, uint64(index), count)
	return index
}

func (rw *rewriter) within(c *cursor, at int, what string, index, count uint64) {
	if index >= count {
		c.fail(at, "%s %d of %d", what, index, count)
	}
}

// globalCount is how many globals the module has, as far as they are read.
func (rw *rewriter) globalCount() uint64 { return uint64(len(rw.mutable)) }

func (rw *rewriter) functionTypes(c *cursor, out []byte) ([]byte, error) {
	start := c.pos
	for range c.count(1) {
		rw.functions = append(rw.functions, rw.own(c, "type", uint64(len(rw.params))))
	}
	return append(out, c.data[start:c.pos]...), c.err
}

func (rw *rewriter) tables(c *cursor, out []byte) ([]byte, error) {
	n := c.count(3)
	out = appendU32(out, n)
	for range n {
		start := c.pos
		if c.pos < len(c.data) && c.data[c.pos] == 0x40 {
			c.byte()
			c.byte()
			out = rw.tableType(c, append(out, c.data[start:c.pos]...))
			out = rw.expression(c, out)
			continue
		}
		out = rw.tableType(c, out)
	}
	return out, c.err
}

// tableType copies a table's type with its maximum lowered to the limit.
func (rw *rewriter) tableType(c *cursor, out []byte) []byte {
	start := c.pos
	c.valType()
	out = append(out, c.data[start:c.pos]...)
	start = c.pos
	flags := c.byte()
	least, most := c.unsigned(64), uint64(math.MaxUint64)
	if flags&1 != 0 {
		most = c.unsigned(64)
	}
	limit := max(uint64(rw.opts.MaxTable), least)
	if rw.opts.MaxTable == 0 || most <= limit {
		return append(out, c.data[start:c.pos]...)
	}
	out = binary.AppendUvarint(append(out, flags|1), least)
	return binary.AppendUvarint(out, limit)
}

// globals copies the globals and adds the fuel behind the last.
func (rw *rewriter) globals(c *cursor, out []byte) ([]byte, error) {
	n := c.count(3)
	rw.fuelGlobal = rw.importedGlobals + n
	total := n
	if rw.opts.Tick != nil {
		total++
	}
	out = appendU32(out, total)
	for range n {
		start := c.pos
		c.valType()
		mutable := c.byte() == 1
		out = append(out, c.data[start:c.pos]...)
		out = rw.expression(c, out)
		rw.mutable = append(rw.mutable, mutable)
	}
	if rw.opts.Tick != nil {
		out = append(out, 0x7f, 1, opI32Const)
		out = appendS32(out, InitialFuel)
		out = append(out, opEnd)
	}
	return out, c.err
}

func (rw *rewriter) exports(c *cursor, out []byte) ([]byte, error) {
	n := c.count(3)
	out = appendU32(out, n)
	for range n {
		start := c.pos
		c.name()
		kind := c.byte()
		out = append(out, c.data[start:c.pos]...)
		if kind == 3 {
			out = appendU32(out, rw.own(c, "global", rw.globalCount()))
			continue
		}
		index := c.u32()
		if kind == 0 {
			index = rw.function(index)
		}
		out = appendU32(out, index)
	}
	return out, c.err
}

func (rw *rewriter) start(c *cursor, out []byte) ([]byte, error) {
	return appendU32(out, rw.function(c.u32())), c.err
}

// elements rewrites the function indices of element segments. The low three
// bits of a segment's flags say which parts it has: 1 no table, 2 an explicit
// table or kind, 4 expressions instead of indices.
func (rw *rewriter) elements(c *cursor, out []byte) ([]byte, error) {
	n := c.count(2)
	out = appendU32(out, n)
	for range n {
		at := c.pos
		flags := c.u32()
		if flags > 7 {
			c.fail(at, "element segment flags %d: expected 0 to 7", flags)
			return nil, c.err
		}
		out = appendU32(out, flags)
		if flags&1 == 0 {
			if flags&2 != 0 {
				out = appendU32(out, c.u32())
			}
			out = rw.expression(c, out)
		}
		if flags&3 != 0 {
			start := c.pos
			if flags&4 != 0 {
				c.valType()
			} else {
				c.byte()
			}
			out = append(out, c.data[start:c.pos]...)
		}
		items := c.count(1)
		out = appendU32(out, items)
		for range items {
			if c.err != nil {
				return nil, c.err
			}
			if flags&4 != 0 {
				out = rw.expression(c, out)
			} else {
				out = appendU32(out, rw.function(c.u32()))
			}
		}
	}
	return out, c.err
}

func (rw *rewriter) data(c *cursor, out []byte) ([]byte, error) {
	n := c.count(2)
	out = appendU32(out, n)
	for range n {
		at := c.pos
		flags := c.u32()
		if flags > 2 {
			c.fail(at, "data segment flags %d: expected 0 to 2", flags)
			return nil, c.err
		}
		out = appendU32(out, flags)
		if flags == 2 {
			out = appendU32(out, c.u32())
		}
		if flags != 1 {
			out = rw.expression(c, out)
		}
		size := c.u32()
		start := c.take(uint64(size))
		if c.err != nil {
			return nil, c.err
		}
		out = append(appendU32(out, size), c.data[start:c.pos]...)
	}
	return out, c.err
}

// function is the index of a function in the rewritten module.
func (rw *rewriter) function(index uint32) uint32 {
	if rw.opts.Tick != nil && index >= rw.importedFuncs && index != ^uint32(0) {
		return index + 1
	}
	return index
}

// code rewrites every body.
func (rw *rewriter) code(c *cursor, out []byte) ([]byte, error) {
	n := c.count(2)
	if uint64(n) != uint64(len(rw.functions)) {
		return nil, errorAt(c.pos, "%d function bodies for %d functions", n, len(rw.functions))
	}
	out = appendU32(out, n)
	var head, body []byte
	for i := range n {
		size := c.u32()
		start := c.take(uint64(size))
		if c.err != nil {
			return nil, c.err
		}
		f := &cursor{data: c.data[:c.pos], pos: start}
		rw.noted = rw.sought[rw.importedFuncs+i]
		var err error
		if head, body, err = rw.body(f, i, head[:0], body[:0]); err != nil {
			return nil, fmt.Errorf("function %d: %w", rw.importedFuncs+i, err)
		}
		out = appendU32(out, uint32(len(head)+len(body)))
		if rw.noted != nil {
			rw.noted.base = len(out) + len(head)
		}
		out = append(append(out, head...), body...)
	}
	return out, c.err
}

// body rewrites one function body: head receives the locals and the entry
// check, code the instructions.
func (rw *rewriter) body(f *cursor, index uint32, head, code []byte) (newHead, newCode []byte, err error) {
	groups := f.count(2)
	locals := uint64(0)
	first := f.pos
	for range groups {
		locals += uint64(f.u32())
		f.valType()
	}
	if f.err != nil {
		return nil, nil, f.err
	}
	declared := f.data[first:f.pos]
	if rw.opts.Tick == nil {
		if rw.noted != nil {
			rw.noted.copied = f.pos
		}
		head = append(appendU32(head, groups), declared...)
		return head, append(code, f.data[f.pos:]...), nil
	}
	t := rw.functions[index]
	if uint64(t) >= uint64(len(rw.params)) {
		return nil, nil, errorAt(first, "type %d of %d", t, len(rw.params))
	}
	locals += uint64(rw.params[t])
	if locals > maxLocals {
		return nil, nil, errorAt(first, "%d locals, at most %d are supported", locals, maxLocals)
	}
	head = append(appendU32(head, groups+1), declared...)
	head = append(head, 1, 0x7f)
	w := instructionWriter{rewriter: rw, pay: rw.pay(uint32(locals)), count: countTurn(uint32(locals)), loops: rw.blocks, locals: locals}
	code = w.run(f, code)
	rw.blocks = w.loops
	if f.err == nil && f.pos != len(f.data) {
		f.fail(f.pos, "%d bytes behind the last end", len(f.data)-f.pos)
	}
	if w.calls {
		head = append(head, rw.burn(opI32Const, 1)...)
	}
	return head, code, f.err
}

// maxLocals is wazero's own limit on the locals of one function.
const maxLocals = 50000

// A function pays for firstTurns turns of its loops at first, and for moreTurns
// each time that these were not enough: for few, since many functions have few,
// and then for so many that what it costs does not show.
const (
	firstTurns = 16
	moreTurns  = 256
)

// pay is the instructions that pay for turns when there are none left. local is
// the function's own: the turns that it has paid for, 0 at first, and -1 when
// these were not enough. It lies in a register, where the global would be read
// and written in memory every turn.
func (rw *rewriter) pay(local uint32) []byte {
	b := appendU32([]byte{opLocalGet}, local)
	b = append(b, opI32Const, 1, opI32LtS, opIf, 0x40)
	// firstTurns for 0, moreTurns for -1
	b = appendU32(append(b, opLocalGet), local)
	b = appendS32(append(b, opI32Const), moreTurns-firstTurns)
	b = append(b, opI32And, opI32Const, firstTurns, opI32Add)
	b = appendU32(append(b, opLocalSet), local)
	b = append(b, rw.burn(appendU32([]byte{opLocalGet}, local)...)...)
	return append(b, opEnd)
}

// countTurn is the instructions that count a turn; they leave 1 when it is not
// paid for, else 0.
func countTurn(local uint32) []byte {
	b := appendU32([]byte{opLocalGet}, local)
	b = append(b, opI32Const, 1, opI32Sub)
	b = appendU32(append(b, opLocalTee), local)
	return append(b, opI32Const, 0, opI32LtS)
}

// burn is the instructions that burn as much fuel as the instructions units
// leave.
func (rw *rewriter) burn(units ...byte) []byte {
	b := appendU32([]byte{opGlobalGet}, rw.fuelGlobal)
	b = append(append(b, units...), opI32Sub)
	b = appendU32(append(b, opGlobalSet), rw.fuelGlobal)
	b = appendU32(append(b, opGlobalGet), rw.fuelGlobal)
	b = append(b, opI32Const, 0, opI32LtS, opIf, 0x40)
	b = appendU32(append(b, opCall), rw.tickFunc)
	b = appendU32(append(b, opGlobalSet), rw.fuelGlobal)
	return append(b, opEnd)
}

// functionNames returns a name section that holds the module's and the
// functions' names, or nil when there are none that can be read.
func (rw *rewriter) functionNames(module []byte) []byte {
	if t := rw.opts.Trace; t != "" {
		return appendSection(appendName(nil, "name"), 0, appendName(nil, t))
	}
	if rw.names == nil {
		return nil
	}
	out := appendName(nil, "name")
	c := &cursor{data: module[:rw.names.end], pos: rw.names.start}
	for c.pos < len(c.data) && c.err == nil {
		id := c.byte()
		size := c.u32()
		start := c.take(uint64(size))
		if c.err != nil {
			return nil
		}
		switch id {
		case 0:
			out = appendSection(out, id, c.data[start:c.pos])
		case 1:
			sub := &cursor{data: c.data[:c.pos], pos: start}
			n := sub.count(2)
			payload := appendU32(nil, n)
			for range n {
				payload = appendU32(payload, rw.function(sub.u32()))
				payload = appendName(payload, sub.name())
			}
			if sub.err != nil {
				return nil
			}
			out = appendSection(out, id, payload)
		}
	}
	return out
}
