package corebin

import "encoding/binary"

// wazero notes which instruction is where in the code that it makes when a module
// has DWARF sections, and says so in the stack traces of its errors. So a module
// that is rewritten gets some: one unit for all of its code, of one line.

// appendDWARF appends the sections for size bytes of code.
func appendDWARF(out []byte, size uint32) []byte {
	// One entry: a compile unit without children, with a DW_AT_low_pc and a
	// DW_AT_high_pc of form addr, and a DW_AT_stmt_list of form sec_offset.
	abbrev := []byte{1, 0x11, 0, 0x11, 0x01, 0x12, 0x01, 0x10, 0x17, 0, 0, 0}
	info := dwarfUnit(func(b []byte) []byte {
		b = append(b, 4, 0)                           // version
		b = append(b, 0, 0, 0, 0, 4)                  // offset of abbrev, bytes of an address
		b = append(b, 1, 1, 0, 0, 0)                  // the entry; from 1, as 0 stands for no address
		b = binary.LittleEndian.AppendUint32(b, size) // to size
		return append(b, 0, 0, 0, 0)                  // offset of its lines
	})
	line := dwarfUnit(func(b []byte) []byte {
		header := []byte{
			1, 1, 1, 0xff, 1, 13, // instruction length, operations, is_stmt, line base, range, opcode base
			0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, // operands of the standard opcodes
			0,                  // no folders
			'.', 0, 0, 0, 0, 0, // one file
		}
		b = append(b, 4, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
		b = append(b, header...)
		b = append(b, 0, 5, 2, 0, 0, 0, 0, 1) // address 0, a row
		b = append(b, 0, 5, 2)
		b = binary.LittleEndian.AppendUint32(b, size)
		return append(b, 0, 1, 1) // address size, the end
	})
	for _, s := range []struct {
		name string
		data []byte
	}{{".debug_abbrev", abbrev}, {".debug_info", info}, {".debug_line", line}} {
		out = appendSection(out, sectionCustom, append(appendName(nil, s.name), s.data...))
	}
	return out
}

// dwarfUnit puts its length before what body writes.
func dwarfUnit(body func([]byte) []byte) []byte {
	b := body(make([]byte, 4))
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4))
	return b
}
