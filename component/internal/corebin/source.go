package corebin

import (
	"debug/dwarf"
	"fmt"
	"path"
)

// maxSource is the most bytes of DWARF sections that are read for a trap.
const maxSource = 64 << 20

// source is the file and the line of an instruction at an offset in the code section's
// contents, empty when the module does not tell. DWARF is the guest's word: what is
// malformed says nothing.
//
// See https://yurydelendik.github.io/webassembly-dwarf/
func (rw *rewriter) source(module []byte, offset uint64) (found string) {
	defer func() {
		if recover() != nil { // of debug/dwarf
			found = ""
		}
	}()
	if rw.dwarf == nil {
		rw.dwarf = readDWARF(module)
	}
	d := rw.dwarf.Data
	if d == nil {
		return ""
	}
	unit, err := d.Reader().SeekPC(offset)
	if err != nil {
		return ""
	}
	lines, err := d.LineReader(unit)
	if err != nil || lines == nil {
		return ""
	}
	var e dwarf.LineEntry
	if lines.SeekPC(offset, &e) != nil || e.File == nil {
		return ""
	}
	found = fmt.Sprintf("%s:%d", path.Clean(cutName([]byte(e.File.Name))), e.Line)
	if e.Column > 0 {
		found += fmt.Sprintf(":%d", e.Column)
	}
	return found
}

// dwarfData is a module's DWARF, nil when it has none.
type dwarfData struct{ *dwarf.Data }

func readDWARF(module []byte) *dwarfData {
	sections := map[string][]byte{}
	total := 0
	c := &cursor{data: module, pos: len(preamble)}
	for c.pos < len(module) && c.err == nil {
		id := c.byte()
		size := c.u32()
		start := c.take(uint64(size))
		if id != sectionCustom || c.err != nil {
			continue
		}
		n := &cursor{data: module[:c.pos], pos: start}
		if name := n.name(); n.err == nil && len(name) > 0 && name[0] == '.' {
			sections[name] = module[n.pos:c.pos]
			total += c.pos - n.pos
		}
	}
	if total > maxSource {
		return &dwarfData{}
	}
	d, err := dwarf.New(sections[".debug_abbrev"], nil, nil, sections[".debug_info"], sections[".debug_line"], nil, sections[".debug_ranges"], sections[".debug_str"])
	if err != nil {
		return &dwarfData{}
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
		if data := sections[name]; data != nil && d.AddSection(name, data) != nil {
			return &dwarfData{}
		}
	}
	return &dwarfData{d}
}
