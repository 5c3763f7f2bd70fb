package bindgen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.bytecodealliance.org/wit"
)

// file is one Go file as it is written: the bindings of one interface.
type file struct {
	g         *generator
	iface     *wit.Interface
	pkg       *goPackage
	imports   imports
	names     names // package-level identifiers
	functions []function
	selves    map[string]bool         // the parameter structs that methods share, once written
	types     map[*wit.TypeDef]string // the Go names of the interface's own types
	codecs    map[string]string       // anonymous types, as WIT text -> the variable with their codec

	// The parts of the file, in their order.
	body      bytes.Buffer // types, Host, AddToLinker, Client
	adapters  bytes.Buffer // the functions that lower
	params    bytes.Buffer // parameters and their codecs
	codec     bytes.Buffer // the codecs of named types
	variables bytes.Buffer // the codecs of types without a name

	err error // the first error; everything after it is idle
}

func newFile(g *generator, i *wit.Interface) *file {
	f := &file{
		g: g, iface: i, pkg: g.packages[i], imports: newImports(),
		names: names{}, codecs: map[string]string{}, selves: map[string]bool{},
	}
	f.types = g.typeNames(i, f.names)
	for _, d := range g.ownTypes(i) {
		if isResource(d) {
			f.names.pick(lowerFirst(f.types[d])+"Self", "Codec")
		}
	}
	return f
}

// typeNames picks the Go names of the types that an interface defines out of
// scope, with those of their codecs and resource types.
func (g *generator) typeNames(i *wit.Interface, scope names) map[*wit.TypeDef]string {
	for _, n := range []string{"InterfaceName", "Host", "AddToLinker", "Client", "NewClient"} {
		scope.pick(n)
	}
	m := map[*wit.TypeDef]string{}
	for _, d := range g.ownTypes(i) {
		m[d] = scope.pick(exported(*d.Name), "Codec", "Resource")
	}
	return m
}

// ownTypes returns the types that an interface defines, in its order; not
// those that it uses from others.
func (g *generator) ownTypes(i *wit.Interface) []*wit.TypeDef {
	var defs []*wit.TypeDef
	g.eachTypeDef(i, func(d *wit.TypeDef) {
		if !isUse(d) {
			defs = append(defs, d)
		}
	})
	return defs
}

func (g *generator) eachTypeDef(i *wit.Interface, do func(*wit.TypeDef)) {
	i.TypeDefs.All()(func(_ string, d *wit.TypeDef) bool {
		if g.enabled(d.Stability) {
			do(d)
		}
		return true
	})
}

// isUse reports whether d is another interface's type, brought in by use.
func isUse(d *wit.TypeDef) bool {
	target, ok := d.Kind.(*wit.TypeDef)
	return ok && target.Name != nil && target.Owner != d.Owner
}

// used returns the type definition that d brings in, or d itself.
func used(d *wit.TypeDef) *wit.TypeDef {
	for isUse(d) {
		d = d.Kind.(*wit.TypeDef)
	}
	return d
}

// fail keeps the first error.
func (f *file) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// check keeps the first error, with the item it belongs to.
func (f *file) check(err error, item string) {
	if err != nil {
		f.fail("%s: %w", item, err)
	}
}

// p writes a line.
func (f *file) p(format string, args ...any) { fmt.Fprintf(&f.body, format+"\n", args...) }

// c writes a line behind the body, where codecs stand.
func (f *file) c(format string, args ...any) { fmt.Fprintf(&f.codec, format+"\n", args...) }

// b writes text that ends in a line break.
func (f *file) b(s string) { f.body.WriteString(s) }

// abi returns the qualified name of something in package abi.
func (f *file) abi(name string) string {
	return f.imports.support(Module+"/component/abi") + "." + name
}

// component returns the qualified name of something in package component.
func (f *file) component(name string) string {
	return f.imports.support(Module+"/component") + "." + name
}

// std returns the qualified name of something in the standard library.
func (f *file) std(pkg, name string) string {
	return f.imports.support(pkg) + "." + name
}

// source puts the file together: header, imports, body, codecs.
func (f *file) source() []byte {
	var b bytes.Buffer
	b.WriteString(Header + "\n")
	b.WriteString(comment(f.packageDoc(), ""))
	fmt.Fprintf(&b, "package %s\n\n", f.pkg.name)
	f.writeImports(&b)
	b.Write(f.body.Bytes())
	b.Write(f.adapters.Bytes())
	b.Write(f.params.Bytes())
	b.Write(f.codec.Bytes())
	if f.variables.Len() > 0 {
		fmt.Fprintf(&b, "// The codecs of types without a name.\nvar (\n%s)\n", f.variables.Bytes())
	}
	return b.Bytes()
}

// packageDoc is the package comment.
func (f *file) packageDoc() string {
	doc := fmt.Sprintf("Package %s has the host bindings of %s.", f.pkg.name, interfaceName(f.iface))
	if d := text(f.iface.Docs); d != "" {
		doc += "\n\n" + d
	}
	return doc
}

// writeImports writes the standard library's packages, then the others.
func (f *file) writeImports(b *bytes.Buffer) {
	var std, others []string
	for p, name := range f.imports.byPath {
		line := fmt.Sprintf("%q", p)
		if last := p[strings.LastIndexByte(p, '/')+1:]; last != name {
			line = name + " " + line
		}
		if strings.Contains(strings.Split(p, "/")[0], ".") {
			others = append(others, line)
		} else {
			std = append(std, line)
		}
	}
	slices.Sort(std)
	slices.SortFunc(others, func(a, b string) int {
		return strings.Compare(a[strings.IndexByte(a, '"'):], b[strings.IndexByte(b, '"'):])
	})
	fmt.Fprintf(b, "import (\n%s\n\n%s\n)\n\n", strings.Join(std, "\n"), strings.Join(others, "\n"))
}
