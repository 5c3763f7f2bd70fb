package corebin

import (
	"fmt"
	"math"
)

// Magic is how every module and component begins.
const Magic = "\x00asm"

// Parse reads a core module. The error wraps an *[Error] with the offset in
// the module. The memory it allocates is linear in len(module): at most 250
// bytes for each byte of the module, for the worst of made-up modules.
//
// Function bodies, element and data segments are not looked at.
//
// See https://webassembly.github.io/spec/core/binary/modules.html
func Parse(module []byte) (*Module, error) {
	r := NewReader(module)
	if err := header(r); err != nil {
		return nil, err
	}
	p := parser{m: &Module{}, exported: map[string]struct{}{}}
	for r.Len() > 0 {
		if err := p.section(r); err != nil {
			return nil, err
		}
	}
	if err := p.finish(r); err != nil {
		return nil, err
	}
	return p.m, nil
}

func header(r *Reader) error {
	b, err := r.Bytes(8)
	if err != nil {
		return r.Errorf("a module starts with 8 bytes of magic and version, found %d", r.Len())
	}
	if string(b[:4]) != Magic {
		return r.ErrorAt(0, "found magic %x, expected %x", b[:4], Magic)
	}
	if string(b[4:]) != "\x01\x00\x00\x00" {
		return r.ErrorAt(4, "unknown version %x of a module, expected 01000000", b[4:])
	}
	return nil
}

// parser is the state of one Parse.
type parser struct {
	m        *Module
	last     int // place of the last section in sectionPlaces
	exported map[string]struct{}
	defined  int // functions of the function section
	bodies   int // of the code section
	segments int // of the data section
	// announced is the count of the data count section plus 1; 0 without one.
	announced int
}

// sectionPlaces are the places of each section in the order that the format asks
// for; custom sections may stand anywhere.
var sectionPlaces = [...]int{
	SectionType: 1, SectionImport: 2, SectionFunction: 3, SectionTable: 4, SectionMemory: 5, SectionTag: 6,
	SectionGlobal: 7, SectionExport: 8, SectionStart: 9, SectionElement: 10, SectionDataCount: 11,
	SectionCode: 12, SectionData: 13,
}

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code",
	"data", "data count", "tag",
}

// String returns the name of the section as the specification has it.
func (id SectionID) String() string {
	if int(id) < len(sectionNames) {
		return sectionNames[id]
	}
	return fmt.Sprintf("%#x", uint8(id))
}

func (p *parser) section(r *Reader) error {
	start := r.Pos()
	b, err := r.Byte()
	if err != nil {
		return err
	}
	id := SectionID(b)
	if int(id) >= len(sectionNames) {
		return r.ErrorAt(start, "unknown section 0x%02x", b)
	}
	size, err := r.U32()
	if err != nil {
		return fmt.Errorf("section %s at 0x%x: %w", id, start, err)
	}
	body, err := r.Sub(size)
	if err != nil {
		return fmt.Errorf("section %s at 0x%x: %w", id, start, err)
	}
	if order := sectionPlaces[id]; id != SectionCustom {
		if order <= p.last {
			return r.ErrorAt(start, "section %s at 0x%x is out of order or occurs twice", id, start)
		}
		p.last = order
	}
	s := Section{ID: id, Start: start, Body: body.Pos(), End: r.Pos()}
	if err := p.contents(&s, body); err != nil {
		return fmt.Errorf("section %s at 0x%x: %w", id, start, err)
	}
	p.m.Sections = append(p.m.Sections, s)
	return nil
}

// contents reads what stands in one section, and its count into s.
func (p *parser) contents(s *Section, r *Reader) (err error) {
	switch s.ID {
	case SectionCustom:
		s.Name, err = r.Name()
		if err == nil && s.Name == "name" {
			p.names(r)
		}
		return err
	case SectionStart:
		return p.start(r)
	case SectionElement, SectionCode, SectionData, SectionDataCount:
		s.Count, err = r.U32()
		if err != nil {
			return err
		}
		return p.counted(s, r)
	}
	n, err := r.Count(1)
	if err != nil {
		return err
	}
	s.Count = uint32(n)
	for i := range n {
		if err := p.entry(s.ID, r); err != nil {
			return fmt.Errorf("%s[%d]: %w", s.ID, i, err)
		}
	}
	return r.End()
}

// counted keeps the counts of the sections whose contents the engine reads.
func (p *parser) counted(s *Section, r *Reader) error {
	switch s.ID {
	case SectionCode:
		p.bodies = int(s.Count)
	case SectionData:
		p.segments = int(s.Count)
	case SectionDataCount:
		p.announced = int(s.Count) + 1
		return r.End()
	}
	if uint64(s.Count) > uint64(r.Len()) {
		return r.Errorf("unexpected end: %d entries announced, %d bytes remain", s.Count, r.Len())
	}
	return nil
}

// finish checks what can be known once all sections are read.
func (p *parser) finish(r *Reader) error {
	if p.defined != p.bodies {
		return r.Errorf("the function section has %d functions, the code section %d bodies", p.defined, p.bodies)
	}
	if p.announced > 0 && p.announced-1 != p.segments {
		return r.Errorf("the data count section announces %d segments, the data section has %d", p.announced-1, p.segments)
	}
	return nil
}

// entry reads one entry of a vector section.
func (p *parser) entry(id SectionID, r *Reader) error {
	switch id {
	case SectionType:
		return p.rectype(r)
	case SectionImport:
		return p.imp(r)
	case SectionFunction:
		i, _, err := p.funcTypeIndex(r)
		p.m.Funcs = append(p.m.Funcs, i)
		p.defined++
		return err
	case SectionTable:
		return p.table(r)
	case SectionMemory:
		t, err := ReadMemoryType(r)
		p.m.Memories = append(p.m.Memories, t)
		return err
	case SectionTag:
		i, err := p.tag(r)
		p.m.Tags = append(p.m.Tags, i)
		return err
	case SectionGlobal:
		t, err := ReadGlobalType(r)
		if err != nil {
			return err
		}
		p.m.Globals = append(p.m.Globals, t)
		return skipConstExpr(r)
	default:
		return p.export(r)
	}
}

func (p *parser) rectype(r *Reader) error {
	types, _, err := ReadRecType(r)
	p.m.Types = append(p.m.Types, types...)
	return err
}

// funcTypeIndex reads the index of a function type.
func (p *parser) funcTypeIndex(r *Reader) (uint32, *FuncType, error) {
	at := r.Pos()
	i, err := r.U32()
	if err != nil {
		return 0, nil, err
	}
	f, err := p.funcType(r, at, i)
	return i, f, err
}

func (p *parser) funcType(r *Reader, at int, i uint32) (*FuncType, error) {
	if uint64(i) >= uint64(len(p.m.Types)) {
		return nil, r.ErrorAt(at, "type index %d out of bounds: there are %d types", i, len(p.m.Types))
	}
	f := p.m.Types[i].Func
	if f == nil {
		return nil, r.ErrorAt(at, "type %d is not a function type", i)
	}
	return f, nil
}

func (p *parser) tag(r *Reader) (uint32, error) {
	if err := r.Expect(0, "tag attribute"); err != nil {
		return 0, err
	}
	i, _, err := p.funcTypeIndex(r)
	return i, err
}

func (p *parser) imp(r *Reader) (err error) {
	imp := Import{Offset: r.Pos()}
	if imp.Module, err = r.Name(); err != nil {
		return fmt.Errorf("module name: %w", err)
	}
	if imp.Name, err = r.Name(); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	imp.TypeOffset = r.Pos()
	if imp.Type, err = ReadExtern(r); err != nil {
		return fmt.Errorf("%q %q: %w", imp.Module, imp.Name, err)
	}
	imp.End = r.Pos()
	m := p.m
	switch t := &imp.Type; t.Kind {
	case ExternFunc:
		m.Funcs = append(m.Funcs, t.TypeIndex)
		m.ImportedFuncs++
	case ExternTable:
		m.Tables = append(m.Tables, t.Table)
	case ExternMemory:
		m.Memories = append(m.Memories, t.Memory)
	case ExternGlobal:
		m.Globals = append(m.Globals, t.Global)
	case ExternTag:
		m.Tags = append(m.Tags, t.TypeIndex)
	}
	if imp.Type.Kind == ExternFunc || imp.Type.Kind == ExternTag {
		if imp.Type.Func, err = p.funcType(r, imp.TypeOffset, imp.Type.TypeIndex); err != nil {
			return fmt.Errorf("%q %q: %w", imp.Module, imp.Name, err)
		}
	}
	m.Imports = append(m.Imports, imp)
	return nil
}

// table reads an entry of the table section, which may have an initial value.
func (p *parser) table(r *Reader) error {
	init := false
	if b, ok := r.Peek(); ok && b == 0x40 {
		init = true
		if _, err := r.Byte(); err != nil {
			return err
		}
		if err := r.Expect(0, "table with an initial value"); err != nil {
			return err
		}
	}
	t, err := ReadTableType(r)
	if err != nil {
		return err
	}
	p.m.Tables = append(p.m.Tables, t)
	if init {
		return skipConstExpr(r)
	}
	return nil
}

func (p *parser) export(r *Reader) (err error) {
	var e Export
	at := r.Pos()
	if e.Name, err = r.Name(); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if _, twice := p.exported[e.Name]; twice {
		return r.ErrorAt(at, "%q is exported twice", e.Name)
	}
	p.exported[e.Name] = struct{}{}
	at = r.Pos()
	kind, err := r.Byte()
	if err != nil {
		return err
	}
	if e.Index, err = r.U32(); err != nil {
		return err
	}
	var ok bool
	if e.Type, ok = p.m.extern(ExternKind(kind), e.Index); !ok {
		return r.ErrorAt(at, "export %q: there is no %s %d", e.Name, ExternKind(kind), e.Index)
	}
	p.m.Exports = append(p.m.Exports, e)
	return nil
}

// extern returns the type of the entry i of the index space of a kind.
func (m *Module) extern(kind ExternKind, i uint32) (e Extern, ok bool) {
	e.Kind = kind
	switch n := uint64(i); kind {
	case ExternFunc:
		if ok = n < uint64(len(m.Funcs)); ok {
			e.TypeIndex = m.Funcs[i]
			e.Func = m.Types[e.TypeIndex].Func
		}
	case ExternTable:
		if ok = n < uint64(len(m.Tables)); ok {
			e.Table = m.Tables[i]
		}
	case ExternMemory:
		if ok = n < uint64(len(m.Memories)); ok {
			e.Memory = m.Memories[i]
		}
	case ExternGlobal:
		if ok = n < uint64(len(m.Globals)); ok {
			e.Global = m.Globals[i]
		}
	case ExternTag:
		if ok = n < uint64(len(m.Tags)); ok {
			e.TypeIndex = m.Tags[i]
			e.Func = m.Types[e.TypeIndex].Func
		}
	}
	return e, ok
}

func (p *parser) start(r *Reader) error {
	i, err := r.U32()
	if err != nil {
		return err
	}
	if uint64(i) >= uint64(len(p.m.Funcs)) {
		return r.Errorf("start function %d out of bounds: there are %d functions", i, len(p.m.Funcs))
	}
	p.m.Start = &i
	return r.End()
}

// names reads the module's and the functions' names. Validity of the name
// section is not required, so an error only ends the reading of it.
//
// See https://webassembly.github.io/spec/core/appendix/custom.html#name-section
func (p *parser) names(r *Reader) {
	for r.Len() > 0 {
		id, err := r.Byte()
		if err != nil {
			return
		}
		size, err := r.U32()
		if err != nil {
			return
		}
		sub, err := r.Sub(size)
		if err != nil {
			return
		}
		switch id {
		case 0:
			if name, err := sub.Name(); err == nil {
				p.m.Name = name
			}
		case 1:
			p.funcNames(sub)
		}
	}
}

func (p *parser) funcNames(r *Reader) {
	n, err := r.Count(2)
	if err != nil {
		return
	}
	if p.m.FuncNames == nil {
		p.m.FuncNames = make(map[uint32]string, n)
	}
	for range n {
		i, err := r.U32()
		if err != nil {
			return
		}
		name, err := r.Name()
		if err != nil {
			return
		}
		p.m.FuncNames[i] = name
	}
}

// noMax stands for the maximum of limits that have none.
const noMax = math.MaxUint64
