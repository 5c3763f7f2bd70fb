package bindgen

import (
	"fmt"
	"strings"
)

// writeClient writes Client, which calls the interface as a guest exports it.
func (f *file) writeClient() {
	for _, d := range f.g.ownTypes(f.iface) {
		if isResource(d) && !f.g.uses[f.iface].imported {
			f.fail("resource %q: an exported interface with resources of its own is not supported", *d.Name)
		}
	}
	var own []function
	for _, fn := range f.functions {
		if fn.kind == free {
			own = append(own, fn)
		}
	}
	f.b(comment("Client calls the interface's functions as an instance exports them. Like the instance, it is for one goroutine at a time.", ""))
	f.p("type Client struct {")
	for _, fn := range own {
		f.p("\t%s *%s", unexported(fn.base), f.component("Func"))
	}
	f.p("}\n")
	f.b(comment("NewClient finds the interface among the exports of inst. The error says what is missing.", ""))
	f.p("func NewClient(inst *%s) (*Client, error) {\n\tvar c Client\n\tvar err error", f.component("Instance"))
	for _, fn := range own {
		f.p("\tif c.%s, err = inst.Func(InterfaceName + %q); err != nil {\n\t\treturn nil, err\n\t}", unexported(fn.base), "#"+fn.Name)
	}
	f.p("\treturn &c, nil\n}\n")
	for _, fn := range own {
		f.writeClientMethod(fn)
	}
}

// writeClientMethod writes a call of a guest's function.
func (f *file) writeClientMethod(fn function) {
	params, codec := f.writeParams(fn)
	var args []string
	scope := names{}
	for _, p := range fn.params {
		scope.pick(p.goName)
		args = append(args, p.goName+": "+p.goName)
	}
	f.b(comment(funcDoc(fn.goName, fn.signature(), fn.Docs)+"\n\n"+
		"Errors are those of [component.Call]: a trap, an exit, or a closed instance.", ""))
	receiver := scope.pick("c")
	f.p("func (%s *Client) %s%s {", receiver, fn.goName, f.goSignature(fn))
	call := fmt.Sprintf("%s(ctx, %s.%s, %s, %s, %s{%s})", f.component("Call"), receiver, unexported(fn.base),
		codec, f.codecOf(fn.result), params, strings.Join(args, ", "))
	if fn.result == nil {
		f.p("\t_, err := %s\n\treturn err\n}\n", call)
	} else {
		f.p("\treturn %s\n}\n", call)
	}
}
