package decode

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

// MaxDepth is how deep components, component types and instance types may
// nest. The format has no limit; this one keeps any input from overflowing the
// stack of what walks the tree.
const MaxDepth = 100

// Error says where a component is malformed, and how.
type Error struct {
	// Offset is in bytes from the start of the component, at most its length.
	Offset int
	// Err has the path to the place.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return "decode: " + e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// moduleError is an error inside a core module, where offsets count from the
// module's start.
type moduleError struct {
	base int
	err  error
}

func (e *moduleError) Error() string { return e.err.Error() }
func (e *moduleError) Unwrap() error { return e.err }

// Decode reads a component. The error is an *[Error].
//
// The tree refers to input, which must not change afterwards. The memory it
// allocates is linear in len(input): at most 250 bytes for each byte, for the
// worst of made-up components.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
func Decode(input []byte) (*Component, error) {
	d := &decoder{}
	c, err := d.component(corebin.NewReader(input))
	if err != nil {
		e := &Error{Offset: corebin.OffsetOf(err), Err: err}
		if m, ok := errors.AsType[*moduleError](err); ok {
			e.Offset += m.base
		}
		return nil, e
	}
	return c, nil
}

// IsComponent tells whether input begins as a component does, in any version
// of the format; a core module does not.
func IsComponent(input []byte) bool {
	return len(input) >= 8 && string(input[:4]) == corebin.Magic && input[6] == 1 && input[7] == 0
}

// decoder is the state of one Decode.
type decoder struct{ depth int }

// enter counts one more level of nesting; leave takes it back.
func (d *decoder) enter(r *corebin.Reader) error {
	if d.depth >= MaxDepth {
		return r.Errorf("nested more than %d levels deep", MaxDepth)
	}
	d.depth++
	return nil
}

func (d *decoder) leave() { d.depth-- }

// component reads a component, preamble first, up to the end of r.
func (d *decoder) component(r *corebin.Reader) (*Component, error) {
	if err := d.enter(r); err != nil {
		return nil, err
	}
	defer d.leave()
	c := &Component{Offset: r.Pos(), Size: r.Len()}
	if err := preamble(r); err != nil {
		return nil, err
	}
	for r.Len() > 0 {
		if err := d.section(r, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func preamble(r *corebin.Reader) error {
	at := r.Pos()
	b, err := r.Bytes(8)
	if err != nil {
		return r.ErrorAt(at, "a component starts with 8 bytes of magic, version and layer, found %d", r.Len())
	}
	if string(b[:4]) != corebin.Magic {
		return r.ErrorAt(at, "found magic %x, expected %x", b[:4], corebin.Magic)
	}
	switch string(b[4:]) {
	case "\x0d\x00\x01\x00":
		return nil
	case "\x01\x00\x00\x00":
		return r.ErrorAt(at+4, "found a core module, expected a component")
	}
	if b[6] == 1 && b[7] == 0 {
		return r.ErrorAt(at+4, "unknown version %x of a component, expected 0d00", b[4:6])
	}
	return r.ErrorAt(at+4, "unknown version and layer %x, expected 0d000100", b[4:])
}

// sectionNames are the sections by their code.
var sectionNames = [...]string{
	"custom", "core module", "core instance", "core type", "component", "instance", "alias", "type", "canon",
	"start", "import", "export", "value",
}

func (d *decoder) section(r *corebin.Reader, c *Component) error {
	at := r.Pos()
	id, err := r.Byte()
	if err != nil {
		return err
	}
	if int(id) >= len(sectionNames) {
		return r.ErrorAt(at, "unknown section 0x%02x at 0x%x", id, at)
	}
	if err := d.sized(id, r, c); err != nil {
		return fmt.Errorf("section %s at 0x%x: %w", sectionNames[id], at, err)
	}
	return nil
}

// sized reads the size of a section and the definitions in it.
func (d *decoder) sized(id byte, r *corebin.Reader, c *Component) error {
	size, err := r.U32()
	if err != nil {
		return err
	}
	body, err := r.Sub(size)
	if err != nil {
		return err
	}
	if err := d.contents(id, body, c); err != nil {
		return err
	}
	return body.End()
}

func (d *decoder) contents(id byte, r *corebin.Reader, c *Component) error {
	switch id {
	case 0:
		return custom(r, c)
	case 1:
		return one(r, c, coreModule)
	case 4:
		return one(r, c, d.component)
	case 9:
		return one(r, c, start)
	case 2:
		return many(r, c, "core instance", coreInstance)
	case 3:
		return many(r, c, "core type", coreType)
	case 5:
		return many(r, c, "instance", instance)
	case 6:
		return many(r, c, "alias", alias)
	case 7:
		return many(r, c, "type", d.typ)
	case 8:
		return many(r, c, "canon", canon)
	case 10:
		return many(r, c, "import", imp)
	case 11:
		return many(r, c, "export", export)
	default:
		return many(r, c, "value", value)
	}
}

// one reads the only definition of a section.
func one[T Def](r *corebin.Reader, c *Component, read func(*corebin.Reader) (T, error)) error {
	def, err := read(r)
	if err != nil {
		return err
	}
	c.Defs = append(c.Defs, def)
	return nil
}

// many reads the definitions of a section that is a vector. what names one of
// them in errors.
func many[T Def](r *corebin.Reader, c *Component, what string, read func(*corebin.Reader) (T, error)) error {
	n, err := r.Count(1)
	if err != nil {
		return err
	}
	for i := range n {
		if err := one(r, c, read); err != nil {
			return fmt.Errorf("%s[%d]: %w", what, i, err)
		}
	}
	return nil
}

func coreModule(r *corebin.Reader) (*CoreModule, error) {
	m := &CoreModule{Offset: r.Pos(), Bytes: r.Rest()}
	var err error
	if m.Module, err = corebin.Parse(m.Bytes); err != nil {
		return nil, &moduleError{base: m.Offset, err: err}
	}
	return m, nil
}

// custom reads a custom section: the component's name if it is that, nothing
// else. A malformed name section is ignored, as the format asks.
func custom(r *corebin.Reader, c *Component) error {
	name, err := r.Name()
	if err != nil {
		return err
	}
	if name == "component-name" {
		if n, ok := componentName(r); ok {
			c.Name = n
		}
	}
	r.Rest()
	return nil
}

// componentName reads the first subsection of the name section.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#name-section
func componentName(r *corebin.Reader) (string, bool) {
	if id, err := r.Byte(); err != nil || id != 0 {
		return "", false
	}
	size, err := r.U32()
	if err != nil {
		return "", false
	}
	sub, err := r.Sub(size)
	if err != nil {
		return "", false
	}
	name, err := sub.Name()
	return name, err == nil && sub.Len() == 0
}

func start(r *corebin.Reader) (_ *Start, err error) {
	s := &Start{Offset: r.Pos()}
	if s.Func, err = r.U32(); err != nil {
		return nil, err
	}
	if s.Args, err = corebin.Vec(r, 1, "arg", (*corebin.Reader).U32); err != nil {
		return nil, err
	}
	s.Results, err = r.U32()
	return s, err
}

func value(r *corebin.Reader) (_ *Value, err error) {
	v := &Value{Offset: r.Pos()}
	if v.Type, err = valType(r); err != nil {
		return nil, err
	}
	size, err := r.U32()
	if err != nil {
		return nil, err
	}
	v.Bytes, err = r.Bytes(size)
	return v, err
}
