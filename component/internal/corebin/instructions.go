package corebin

// The opcodes that the rewriter writes or treats apart.
const (
	opBlock              = 0x02
	opLoop               = 0x03
	opIf                 = 0x04
	opTry                = 0x06
	opEnd                = 0x0b
	opBr                 = 0x0c
	opBrIf               = 0x0d
	opBrTable            = 0x0e
	opCall               = 0x10
	opCallIndirect       = 0x11
	opReturnCall         = 0x12
	opReturnCallIndirect = 0x13
	opCallRef            = 0x14
	opReturnCallRef      = 0x15
	opSelectTyped        = 0x1c
	opLocalGet           = 0x20
	opLocalSet           = 0x21
	opLocalTee           = 0x22
	opGlobalGet          = 0x23
	opGlobalSet          = 0x24
	opTableGet           = 0x25
	opTableSet           = 0x26
	opMemorySize         = 0x3f
	opMemoryGrow         = 0x40
	opI32Const           = 0x41
	opI64Const           = 0x42
	opF32Const           = 0x43
	opF64Const           = 0x44
	opI32LtS             = 0x48
	opI32Add             = 0x6a
	opI32Sub             = 0x6b
	opI32And             = 0x71
	opRefNull            = 0xd0
	opRefFunc            = 0xd2
	opBrOnNull           = 0xd5
	opBrOnNonNull        = 0xd6
	opPrefixMisc         = 0xfc
	opPrefixVector       = 0xfd
	opPrefixAtomic       = 0xfe
)

// expression copies a constant expression up to its end.
func (rw *rewriter) expression(c *cursor, out []byte) []byte {
	w := instructionWriter{rewriter: rw, constant: true}
	return w.run(c, out)
}

// instructionWriter copies instructions up to the end that closes them,
// moving function indices and, with pay and count, making of every loop
//
//	loop $pay      pay
//	  loop $turn   count; br_if $pay
//	    ...        what the loop had, with branches to $turn
//	  end
//	end
//
// so that a turn takes no jump that it did not take before.
type instructionWriter struct {
	*rewriter
	pay   []byte // makes sure that turns are paid for
	count []byte // counts a turn; 1 when it is not paid for
	calls bool   // whether a call was seen
	// constant tells that the instructions are a constant expression.
	constant bool
	// locals is how many the function has by itself.
	locals uint64
	// loops is, for every block that is open, how many loops are among it and
	// the blocks around it.
	loops []uint32
}

// open enters a block, copying its opcode and type, which begin at start.
func (w *instructionWriter) open(c *cursor, op byte, start int, out []byte) []byte {
	loops := uint32(0)
	if n := len(w.loops); n > 0 {
		loops = w.loops[n-1]
	}
	head := c.data[start:c.pos]
	out = append(out, head...)
	if op == opLoop && w.count != nil {
		loops++
		out = append(append(append(out, w.pay...), head...), w.count...)
		out = append(out, opBrIf, 1)
	}
	w.loops = append(w.loops, loops)
	return out
}

// close leaves a block.
func (w *instructionWriter) close(out []byte) []byte {
	n := len(w.loops) - 1
	if loops := w.loops[n]; loops > 0 && (n == 0 || loops > w.loops[n-1]) {
		out = append(out, opEnd)
	}
	w.loops = w.loops[:n]
	return append(out, opEnd)
}

// label is a branch's label among the blocks that are written: between it and
// the target, each loop has become two.
func (w *instructionWriter) label(label uint32) uint32 {
	n := len(w.loops)
	if uint64(label) >= uint64(n) {
		return label // invalid, as it was
	}
	return label + w.loops[n-1] - w.loops[n-1-int(label)]
}

func (w *instructionWriter) run(c *cursor, out []byte) []byte {
	w.loops = append(w.loops[:0], 0)
	for len(w.loops) > 0 && c.err == nil {
		start := c.pos
		if w.noted != nil {
			w.noted.marks = append(w.noted.marks, mark{len(out), start})
		}
		op := c.byte()
		switch op {
		case opBlock, opLoop, opIf:
			w.blockType(c)
			out = w.open(c, op, start, out)
			continue
		case opEnd:
			out = w.close(out)
			continue
		case opBr, opBrIf, opBrOnNull, opBrOnNonNull:
			out = appendU32(append(out, op), w.label(c.u32()))
			continue
		case opBrTable:
			n := c.count(1)
			out = appendU32(append(out, op), n)
			for range n {
				out = appendU32(out, w.label(c.u32()))
			}
			out = appendU32(out, w.label(c.u32()))
			continue
		case opCall, opReturnCall, opRefFunc:
			index := c.u32()
			w.calls = w.calls || op != opRefFunc
			out = appendU32(append(out, op), w.function(index))
			continue
		case opLocalGet, opLocalSet, opLocalTee:
			w.own(c, "local", w.locals)
		case opGlobalGet, opGlobalSet:
			i := w.own(c, "global", w.globalCount())
			if w.constant && c.err == nil && w.mutable[i] {
				c.fail(start, "global %d is mutable, a constant expression is required", i)
			}
		case opCallIndirect, opReturnCallIndirect:
			w.calls = true
			w.own(c, "type", uint64(len(w.params)))
			c.u32()
		case opCallRef, opReturnCallRef:
			w.calls = true
			c.u32()
		default:
			w.immediates(c, op)
		}
		if c.err != nil {
			return out
		}
		out = append(out, c.data[start:c.pos]...)
	}
	return out
}

// blockType reads the type of a block.
func (w *instructionWriter) blockType(c *cursor) {
	at := c.pos
	if t := c.blockType(); t >= 0 {
		w.within(c, at, "type", uint64(t), uint64(len(w.params)))
	}
}

// immediates skips what follows an opcode that is copied as it is.
func (w *instructionWriter) immediates(c *cursor, op byte) {
	switch {
	case op == opTableGet, op == opTableSet:
		c.u32()
	case op == opSelectTyped:
		for range c.count(1) {
			c.valType()
		}
	case op >= 0x28 && op <= 0x3e:
		c.memArg()
	case op == opMemorySize, op == opMemoryGrow:
		c.u32()
	case op == opI32Const:
		c.s33()
	case op == opI64Const:
		c.s64()
	case op == opF32Const:
		c.take(4)
	case op == opF64Const:
		c.take(8)
	case op == opRefNull:
		c.s33()
	case op <= 0x01, op == 0x05, op == 0x0f, op == 0x1a, op == 0x1b,
		op >= 0x45 && op <= 0xc4, op == 0xd1, op == 0xd3, op == 0xd4:
	case op == opPrefixMisc:
		w.misc(c)
	case op == opPrefixVector:
		w.vector(c)
	case op == opPrefixAtomic:
		w.atomic(c)
	case op >= opTry && op <= 0x0a || op == 0x18 || op == 0x19 || op == 0x1f:
		c.fail(c.pos-1, "opcode %#x belongs to the exception-handling proposal, which this engine does not have", op)
	case op == 0xfb:
		c.fail(c.pos-1, "opcode 0xfb belongs to the GC proposal, which this engine does not have")
	default:
		c.fail(c.pos-1, "unknown opcode %#x", op)
	}
}

// misc skips the immediates of the 0xfc group: saturating conversions, bulk
// memory and tables.
func (w *instructionWriter) misc(c *cursor) {
	at := c.pos
	switch op := c.u32(); {
	case op <= 7:
	case op == 8, op == 10, op == 12, op == 14: // memory.init memory.copy table.init table.copy
		c.u32()
		c.u32()
	case op == 9, op == 11, op == 13, op >= 15 && op <= 17: // data.drop memory.fill elem.drop table.grow size fill
		c.u32()
	default:
		c.fail(at, "unknown opcode 0xfc %#x", op)
	}
}

// vector skips the immediates of the 0xfd group, which is SIMD.
func (w *instructionWriter) vector(c *cursor) {
	at := c.pos
	switch op := c.u32(); {
	case op <= 11, op == 92, op == 93: // loads and stores
		c.memArg()
	case op == 12, op == 13: // v128.const i8x16.shuffle
		c.take(16)
	case op >= 21 && op <= 34: // lanes
		c.byte()
	case op >= 84 && op <= 91: // lane loads and stores
		c.memArg()
		c.byte()
	case op <= 255:
	case op <= 275:
		c.fail(at, "opcode 0xfd %#x belongs to the relaxed-SIMD proposal, which this engine does not have", op)
	default:
		c.fail(at, "unknown opcode 0xfd %#x", op)
	}
}

// atomic skips the immediates of the 0xfe group.
func (w *instructionWriter) atomic(c *cursor) {
	at := c.pos
	switch op := c.u32(); {
	case op == 3: // atomic.fence
		c.byte()
	case op <= 2, op >= 0x10 && op <= 0x4e:
		c.memArg()
	default:
		c.fail(at, "unknown opcode 0xfe %#x", op)
	}
}
