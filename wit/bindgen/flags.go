package bindgen

import (
	"strconv"

	"go.bytecodealliance.org/wit"
)

// writeFlags writes an integer type, a constant for each bit, String and its
// codec.
func (f *file) writeFlags(d *wit.TypeDef, flags *wit.Flags) {
	name := f.types[d]
	size, err := flagsSize(len(flags.Flags))
	f.check(err, *d.Name)
	f.p("%stype %s %s\n", comment(typeDoc(name, "set of flags", *d.Name, d.Docs), ""), name, unsigned(size))
	f.p("// The flags of [%s].\nconst (", name)
	for i, flag := range flags.Flags {
		f.b(comment(itemDoc("flag", flag.Name, flag.Docs), "\t"))
		f.p("\t%s%s", f.names.pick(name+exported(flag.Name)), bit(i, name))
	}
	f.p(")\n")

	labels := f.names.pick(lowerFirst(name) + "Labels")
	f.p("var %s = [...]string{", labels)
	for _, flag := range flags.Flags {
		f.p("\t%q,", flag.Name)
	}
	f.p("}\n")
	f.p("// String returns the names in WIT of the flags that are set, with | between them.")
	f.p("func (v %s) String() string {", name)
	f.p("\tvar set []string")
	f.p("\tfor i, label := range %s {\n\t\tif v&(1<<i) != 0 {\n\t\t\tset = append(set, label)\n\t\t}\n\t}", labels)
	f.p("\treturn %s(set, %s)\n}\n", f.std("strings", "Join"), strconv.Quote("|"))

	codec := name + "Codec"
	f.c("// %s lifts and lowers [%s].", codec, name)
	f.c("var %s = %s[%s](%s[:]...)\n", codec, f.abi("Flags"), name, labels)
}

// bit is what follows the first of a list of flags.
func bit(i int, typ string) string {
	if i == 0 {
		return " " + typ + " = 1 << iota"
	}
	return ""
}
