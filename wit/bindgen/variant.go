package bindgen

import (
	"go.bytecodealliance.org/wit"
)

// goCase is a case of a variant as Go spells it.
type goCase struct {
	wit.Case
	tag   string // the constant
	field string // of the payload
	make  string // the constructor
}

// writeVariant writes a struct with a tag, its constants and constructors, and
// its codec.
func (f *file) writeVariant(d *wit.TypeDef, v *wit.Variant) {
	name := f.types[d]
	tag := f.names.pick(name + "Tag")
	scope := names{"Tag": true}
	var cases []goCase
	for _, c := range v.Cases {
		g := goCase{Case: c, tag: f.names.pick(tag + exported(c.Name)), make: f.names.pick(name + exported(c.Name))}
		if c.Type != nil {
			g.field = scope.pick(exported(c.Name))
		}
		cases = append(cases, g)
	}
	f.writeVariantType(d, name, tag, cases)
	f.writeVariantTag(name, tag, cases)
	f.writeConstructors(name, cases)
	f.writeVariantCodec(name, cases)
}

func (f *file) writeVariantType(d *wit.TypeDef, name, tag string, cases []goCase) {
	f.b(comment(typeDoc(name, "variant", *d.Name, d.Docs)+"\n\nOnly the payload of the case that Tag names counts.", ""))
	f.p("type %s struct {", name)
	f.p("\t// Tag says which case it is.\n\tTag %s", tag)
	for _, c := range cases {
		if c.Type != nil {
			f.p("\t// %s is the payload of [%s].\n\t%s %s", c.field, c.tag, c.field, f.goType(c.Type))
		}
	}
	f.p("}\n")
}

func (f *file) writeVariantTag(name, tag string, cases []goCase) {
	f.p("// %s says which case a [%s] is.\ntype %s %s\n", tag, name, tag, unsigned(discriminantSize(len(cases))))
	f.p("// The cases of [%s].\nconst (", name)
	for i, c := range cases {
		f.b(comment(itemDoc("case", c.Name, c.Docs), "\t"))
		f.p("\t%s%s", c.tag, enumerate(i, tag))
	}
	f.p(")\n")
	var labels []string
	for _, c := range cases {
		labels = append(labels, c.Name)
	}
	f.writeString(tag, lowerFirst(name), labels)
}

func (f *file) writeConstructors(name string, cases []goCase) {
	for _, c := range cases {
		if c.Type == nil {
			f.p("// %s returns the case %s.\nfunc %s() %s { return %s{Tag: %s} }\n", c.make, c.Name, c.make, name, name, c.tag)
			continue
		}
		f.p("// %s returns the case %s with its payload.\nfunc %s(v %s) %s {\n\treturn %s{Tag: %s, %s: v}\n}\n",
			c.make, c.Name, c.make, f.goType(c.Type), name, name, c.tag, c.field)
	}
}

func (f *file) writeVariantCodec(name string, cases []goCase) {
	codec := name + "Codec"
	f.c("// %s lifts and lowers [%s].", codec, name)
	f.c("var %s = %s(", codec, f.abi("Variant"))
	f.c("\tfunc(v %s) uint32 { return uint32(v.Tag) },", name)
	for _, c := range cases {
		if c.Type == nil {
			f.c("\t%s(%q, %s()),", f.abi("CaseNone"), c.Name, c.make)
		} else {
			f.c("\t%s(%q, %s, %s, func(v %s) %s { return v.%s }),",
				f.abi("CaseOf"), c.Name, f.codecOf(c.Type), c.make, name, f.goType(c.Type), c.field)
		}
	}
	f.c(")\n")
}
