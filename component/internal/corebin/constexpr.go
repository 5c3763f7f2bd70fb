package corebin

// skipConstExpr reads a constant expression up to its end; its types are left
// to the engine.
//
// See https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions
func skipConstExpr(r *Reader) error {
	for {
		at := r.Pos()
		op, err := r.Byte()
		if err != nil {
			return err
		}
		if op == 0x0b { // end
			return nil
		}
		if err := skipConstInstr(r, at, op); err != nil {
			return err
		}
	}
}

func skipConstInstr(r *Reader, at int, op byte) (err error) {
	switch op {
	case 0x41: // i32.const
		_, err = r.signed(32)
	case 0x42: // i64.const
		_, err = r.signed(64)
	case 0x43: // f32.const
		_, err = r.Bytes(4)
	case 0x44: // f64.const
		_, err = r.Bytes(8)
	case 0x23, 0xd2: // global.get, ref.func
		_, err = r.U32()
	case 0xd0: // ref.null
		_, err = readHeapType(r)
	case 0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e: // add, sub, mul of i32 and i64
	case 0xfd:
		err = skipVectorConst(r, at)
	case 0xfb:
		err = skipGCConst(r, at)
	default:
		err = r.ErrorAt(at, "instruction 0x%02x in a constant expression", op)
	}
	return err
}

func skipVectorConst(r *Reader, at int) error {
	op, err := r.U32()
	if err != nil {
		return err
	}
	if op != 12 {
		return r.ErrorAt(at, "vector instruction %d in a constant expression, expected v128.const", op)
	}
	_, err = r.Bytes(16)
	return err
}

// skipGCConst reads the constant instructions of core GC: those that make
// structs, arrays and i31 references, and conversions.
func skipGCConst(r *Reader, at int) error {
	op, err := r.U32()
	if err != nil {
		return err
	}
	immediates := 0
	switch op {
	case 0, 1, 6, 7: // struct.new, struct.new_default, array.new, array.new_default
		immediates = 1
	case 8: // array.new_fixed
		immediates = 2
	case 26, 27, 28: // any.convert_extern, extern.convert_any, ref.i31
	default:
		return r.ErrorAt(at, "instruction 0xfb %d in a constant expression", op)
	}
	for range immediates {
		if _, err := r.U32(); err != nil {
			return err
		}
	}
	return nil
}
