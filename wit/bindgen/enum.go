package bindgen

import (
	"go.bytecodealliance.org/wit"
)

// writeEnum writes an integer type, its constants, String and its codec.
func (f *file) writeEnum(d *wit.TypeDef, e *wit.Enum) {
	name := f.types[d]
	f.p("%stype %s %s\n", comment(typeDoc(name, "enum", *d.Name, d.Docs), ""), name, unsigned(discriminantSize(len(e.Cases))))
	f.p("// The cases of [%s].\nconst (", name)
	for i, c := range e.Cases {
		f.b(comment(itemDoc("case", c.Name, c.Docs), "\t"))
		f.p("\t%s%s", f.names.pick(name+exported(c.Name)), enumerate(i, name))
	}
	f.p(")\n")

	var names []string
	for _, c := range e.Cases {
		names = append(names, c.Name)
	}
	labels := f.writeString(name, lowerFirst(name), names)

	codec := name + "Codec"
	f.c("// %s lifts and lowers [%s].", codec, name)
	f.c("var %s = %s[%s](%s[:]...)\n", codec, f.abi("Enum"), name, labels)
}

// enumerate is what follows the first of a list of constants.
func enumerate(i int, typ string) string {
	if i == 0 {
		return " " + typ + " = iota"
	}
	return ""
}

// writeString writes the names of a numbered type's values, and its String. It
// returns the variable with the names.
func (f *file) writeString(typ, prefix string, values []string) (labels string) {
	labels = f.names.pick(prefix + "Labels")
	f.p("var %s = [...]string{", labels)
	for _, v := range values {
		f.p("\t%q,", v)
	}
	f.p("}\n")
	f.p("// String returns the case's name in WIT.")
	f.p("func (v %s) String() string {", typ)
	f.p("\tif int(v) < len(%s) {\n\t\treturn %s[v]\n\t}", labels, labels)
	f.p("\treturn \"case(\" + %s(int(v)) + \")\"\n}\n", f.std("strconv", "Itoa"))
	return labels
}
