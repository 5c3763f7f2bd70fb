package bindgen

import (
	"go.bytecodealliance.org/wit"
)

// hostNote is said of every interface that a host implements.
const hostNote = "An error that a method returns is a trap: what a guest can handle is part of the result instead. " +
	"Strings and lists of numbers in arguments, however deep, may be views of the guest's memory: they are good until the method returns, and must not be changed. What is kept is to be copied."

// writeResource writes an interface with the resource's methods and Drop, and
// the resource type.
func (f *file) writeResource(d *wit.TypeDef) {
	name := f.types[d]
	f.b(comment(typeDoc(name, "resource", *d.Name, d.Docs)+"\n\n"+hostNote, ""))
	f.p("type %s interface {", name)
	for i := range f.functions {
		if fn := &f.functions[i]; fn.kind == method && fn.resource == d {
			f.writeSignature(*fn)
		}
	}
	f.b(comment("Drop is called once, when the guest gives up its last owning handle or its instance closes.", "\t"))
	f.p("\tDrop(ctx %s) error\n}\n", f.std("context", "Context"))

	variable := name + "Resource"
	f.p("// %s is the resource type of [%s], the same in all stores.", variable, name)
	f.p("var %s = %s[%s](%q)\n", variable, f.abi("NewHostResource"), name, *d.Name)
}
