package bindgen

import (
	"go.bytecodealliance.org/wit"
)

// writeRecord writes a struct and its codec.
func (f *file) writeRecord(d *wit.TypeDef, r *wit.Record) {
	name := f.types[d]
	scope := names{}
	var fields []goField
	f.b(comment(typeDoc(name, "record", *d.Name, d.Docs), ""))
	f.p("type %s struct {", name)
	for _, field := range r.Fields {
		g := goField{field.Name, scope.pick(exported(field.Name)), field.Type}
		fields = append(fields, g)
		f.b(comment(itemDoc("field", field.Name, field.Docs), "\t"))
		f.p("\t%s %s", g.goName, f.goType(g.typ))
	}
	f.p("}\n")

	codec := name + "Codec"
	f.c("// %s lifts and lowers [%s].", codec, name)
	f.c("var %s = %s(", codec, f.abi("Record"))
	f.writeFields(name, fields)
	f.c(")\n")
}

// goField is a record's field or a function's parameter as Go spells it.
type goField struct {
	name   string
	goName string
	typ    wit.Type
}

// writeFields writes how a codec finds the fields of struct s.
func (f *file) writeFields(s string, fields []goField) {
	for _, g := range fields {
		f.c("\t%s(%q, %s, func(v *%s) *%s { return &v.%s }),",
			f.abi("FieldOf"), g.name, f.codecOf(g.typ), s, f.goType(g.typ), g.goName)
	}
}
