package bindgen

import (
	"strings"

	"go.bytecodealliance.org/wit"
)

// writeInterface writes all of an interface's bindings.
func (f *file) writeInterface() {
	f.functions = f.collect()
	f.nameFunctions()
	if f.err != nil {
		return
	}
	f.b(comment("InterfaceName is what components import or export the interface as. "+f.versionNote(), ""))
	f.p("const InterfaceName = %q\n", interfaceName(f.iface))
	for _, d := range f.g.ownTypes(f.iface) {
		f.writeTypeDef(d)
	}
	u := f.g.uses[f.iface]
	if u.imported || !u.exported {
		f.writeHost()
	}
	if u.exported {
		f.writeClient()
	}
}

// versionNote says which other versions these bindings serve.
func (f *file) versionNote() string {
	if versionElement(f.iface.Package.Name) != "" {
		return "A pre-release is served to guests that name exactly it."
	}
	return "A guest may name another version of the same semver track."
}

// nameFunctions picks the Go names of all functions: those of Host and Client
// in one scope, those of each resource's methods in another.
func (f *file) nameFunctions() {
	host := names{}
	methods := map[*wit.TypeDef]names{}
	for i := range f.functions {
		fn := &f.functions[i]
		if fn.kind != method {
			fn.goName = host.pick(f.goBase(*fn))
			continue
		}
		if methods[fn.resource] == nil {
			methods[fn.resource] = names{"Drop": true}
		}
		fn.goName = methods[fn.resource].pick(exported(fn.base))
	}
}

func (f *file) writeTypeDef(d *wit.TypeDef) {
	switch k := d.Kind.(type) {
	case *wit.Enum:
		f.writeEnum(d, k)
	case *wit.Flags:
		f.writeFlags(d, k)
	case *wit.Record:
		f.writeRecord(d, k)
	case *wit.Variant:
		f.writeVariant(d, k)
	case *wit.Resource:
		f.writeResource(d)
	default:
		f.writeAlias(d)
	}
}

// writeAlias writes another name for a type.
func (f *file) writeAlias(d *wit.TypeDef) {
	name := f.types[d]
	f.b(comment(typeDoc(name, "type", *d.Name, d.Docs), ""))
	f.p("type %s = %s\n", name, f.goKind(d.Kind))
}

// writeHost writes Host, the functions that lower its methods, and AddToLinker.
func (f *file) writeHost() {
	hasHost := false
	for _, fn := range f.functions {
		hasHost = hasHost || fn.kind != method
	}
	if hasHost {
		f.writeHostInterface()
	}
	var functions []lowered
	for _, fn := range f.functions {
		functions = append(functions, f.writeLowered(fn))
	}
	f.writeAddToLinker(hasHost, functions)
}

func (f *file) writeHostInterface() {
	f.b(comment("Host implements the interface's functions"+f.constructorsNote()+" for one store.\n\n"+
		hostNote, ""))
	f.p("type Host interface {")
	for _, fn := range f.functions {
		if fn.kind != method {
			f.writeSignature(fn)
		}
	}
	f.p("}\n")
}

// constructorsNote says what Host has besides the interface's functions.
func (f *file) constructorsNote() string {
	for _, fn := range f.functions {
		if fn.kind == constructor || fn.kind == static {
			return ", and its resources' constructors and static functions,"
		}
	}
	return ""
}

// writeAddToLinker writes the function that defines everything in a linker.
func (f *file) writeAddToLinker(hasHost bool, functions []lowered) {
	var lines []string
	f.g.eachTypeDef(f.iface, func(d *wit.TypeDef) {
		if root := d.Root(); isResource(root) && f.g.enabled(root.Stability) {
			lines = append(lines, "l.DefineResource(InterfaceName, "+quote(*d.Name)+", "+f.qualify(root, "Resource")+".ResourceType())")
		}
	})
	for _, fn := range functions {
		lines = append(lines, "l.DefineFunc(InterfaceName, "+quote(fn.name)+", "+fn.typ+", "+fn.fn+")")
	}
	doc := "AddToLinker defines the interface's resources and functions in l."
	param := ""
	if hasHost {
		doc += " For every instance\nthat l makes, host is called once and returns what serves it."
		param = ", host func(*" + f.component("Store") + ") (Host, error)"
	}
	f.b(comment(doc, ""))
	f.p("func AddToLinker(l *%s%s) error {", f.component("Linker"), param)
	if hasHost {
		f.p("\tslot := %s(l, host)", f.component("NewSlot"))
	}
	if len(lines) == 0 {
		f.p("\treturn nil\n}\n")
		return
	}
	f.p("\treturn %s(\n\t\t%s,\n\t)\n}\n", f.std("errors", "Join"), strings.Join(lines, ",\n\t\t"))
}

func isResource(d *wit.TypeDef) bool {
	_, ok := d.Kind.(*wit.Resource)
	return ok
}
