package bindgen

import (
	"fmt"
	"strings"

	"go.bytecodealliance.org/wit"
)

// kind says what a function belongs to.
type kind uint8

const (
	free        kind = iota // the interface
	constructor             // a resource
	static                  // a resource
	method                  // a value of a resource
)

// function is a function as Go spells it.
type function struct {
	*wit.Function
	kind     kind
	resource *wit.TypeDef // of all kinds but free
	base     string       // the WIT name without the resource
	goName   string       // in Host, in the resource's interface, or in Client
	params   []goField    // a method's self included
	result   wit.Type     // nil for none
}

// collect returns the interface's functions in its order.
func (f *file) collect() []function {
	var all []function
	f.iface.Functions.All()(func(_ string, w *wit.Function) bool {
		if f.g.enabled(w.Stability) {
			all = append(all, f.newFunction(w))
		}
		return true
	})
	return all
}

func (f *file) newFunction(w *wit.Function) function {
	fn := function{Function: w, base: strings.TrimPrefix(w.BaseName(), "%")}
	switch k := w.Kind.(type) {
	case *wit.Constructor:
		fn.kind, fn.resource = constructor, rootOf(k.Type)
	case *wit.Static:
		fn.kind, fn.resource = static, rootOf(k.Type)
	case *wit.Method:
		fn.kind, fn.resource = method, rootOf(k.Type)
	case *wit.Freestanding:
	default:
		f.fail("func %q: only synchronous functions are supported", w.Name)
	}
	scope := names{}
	for _, p := range w.Params {
		fn.params = append(fn.params, goField{p.Name, scope.pick(unexported(p.Name)), p.Type})
	}
	switch len(w.Results) {
	case 0:
	case 1:
		fn.result = w.Results[0].Type
	default:
		f.fail("func %q: %d results: a function has one at most", w.Name, len(w.Results))
	}
	return fn
}

func rootOf(t wit.Type) *wit.TypeDef {
	d, ok := t.(*wit.TypeDef)
	if !ok {
		return nil
	}
	return d.Root()
}

// arguments are the parameters without a method's self.
func (fn *function) arguments() []goField {
	if fn.kind == method {
		return fn.params[1:]
	}
	return fn.params
}

// signature returns the function as WIT writes it.
func (fn *function) signature() string {
	var params []string
	for _, p := range fn.arguments() {
		params = append(params, p.name+": "+witText(p.typ))
	}
	head := fn.base + ": func"
	switch fn.kind {
	case constructor:
		return "constructor(" + strings.Join(params, ", ") + ")"
	case static:
		head = fn.base + ": static func"
	}
	s := head + "(" + strings.Join(params, ", ") + ")"
	if fn.result != nil {
		s += " -> " + witText(fn.result)
	}
	return s
}

// writeSignature writes the function as a method of an interface.
func (f *file) writeSignature(fn function) {
	f.b(comment(funcDoc(fn.goName, fn.signature(), fn.Docs), "\t"))
	f.p("\t%s%s\n", fn.goName, f.goSignature(fn))
}

// goSignature returns parameters and results.
func (f *file) goSignature(fn function) string {
	params := "ctx " + f.std("context", "Context")
	for _, p := range fn.arguments() {
		params += ", " + p.goName + " " + f.goType(p.typ)
	}
	if fn.result == nil {
		return "(" + params + ") error"
	}
	return "(" + params + ") (" + f.goType(fn.result) + ", error)"
}

// goBase is the Go name that tells the function from all others of the
// interface.
func (f *file) goBase(fn function) string {
	switch fn.kind {
	case constructor:
		return "New" + f.types[fn.resource]
	case static, method:
		return f.types[fn.resource] + exported(fn.base)
	}
	return exported(fn.base)
}

// writeParams writes the struct and the codec of the function's parameters and
// returns the names of both. Methods without arguments share those of their
// resource.
func (f *file) writeParams(fn function) (typ, codec string) {
	switch {
	case len(fn.params) == 0:
		return f.abi("Unit"), f.abi("None")
	case fn.kind == method && len(fn.params) == 1:
		typ = lowerFirst(f.types[fn.resource]) + "Self"
		if f.selves[typ] {
			return typ, typ + "Codec"
		}
		f.selves[typ] = true
	default:
		typ = f.names.pick(lowerFirst(f.goBase(fn))+"Params", "Codec")
	}
	codec = typ + "Codec"
	fmt.Fprintf(&f.params, "type %s struct {\n", typ)
	for _, p := range fn.params {
		fmt.Fprintf(&f.params, "\t%s %s\n", p.goName, f.goType(p.typ))
	}
	fmt.Fprintf(&f.params, "}\n\nvar %s = %s(\n", codec, f.abi("Params"))
	for _, p := range fn.params {
		fmt.Fprintf(&f.params, "\t%s(%q, %s, func(p *%s) *%s { return &p.%s }),\n",
			f.abi("FieldOf"), p.name, f.codecOf(p.typ), typ, f.goType(p.typ), p.goName)
	}
	fmt.Fprintf(&f.params, ")\n\n")
	return typ, codec
}

// lowered is a host function ready for AddToLinker.
type lowered struct {
	name string // in WIT
	typ  string // an expression for its type
	fn   string // an expression for the host function
}

// writeLowered writes a Go function that returns the host function: canon lower
// of a method of Host or of a resource.
func (f *file) writeLowered(fn function) lowered {
	params, codec := f.writeParams(fn)
	result := f.codecOf(fn.result)
	name := f.names.pick("lower" + f.goBase(fn))
	call := f.callOf(fn)
	head := fmt.Sprintf("func %s(host %s[Host]) %s {", name, f.component("Slot"), f.abi("HostFunc"))
	use := name + "(slot)"
	if fn.kind == method {
		head, use = fmt.Sprintf("func %s() %s {", name, f.abi("HostFunc")), name+"()"
	}
	p := "p"
	if len(fn.params) == 0 {
		p = "_"
	}
	b := &f.adapters
	fmt.Fprintf(b, "// %s lowers %s.\n%s\n", name, fn.Name, head)
	fmt.Fprintf(b, "\treturn %s(%s, %s, func(c *%s, %s %s) (%s, error) {\n", f.abi("CanonLower"), codec, result, f.abi("Call"), p, params, f.goType(fn.result))
	if fn.result == nil {
		fmt.Fprintf(b, "\t\treturn %s{}, %s\n", f.abi("Unit"), call)
	} else {
		fmt.Fprintf(b, "\t\treturn %s\n", call)
	}
	fmt.Fprintf(b, "\t})\n}\n\n")
	return lowered{fn.Name, fmt.Sprintf("%s(%s, %s)", f.abi("FuncType"), codec, result), use}
}

// callOf is the call of the host's method.
func (f *file) callOf(fn function) string {
	receiver := "host.Get(c)"
	if fn.kind == method {
		receiver = "p." + fn.params[0].goName
	}
	args := []string{"c.Ctx"}
	for _, p := range fn.arguments() {
		args = append(args, "p."+p.goName)
	}
	return receiver + "." + fn.goName + "(" + strings.Join(args, ", ") + ")"
}
