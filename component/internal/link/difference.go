package link

import (
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component/types"
)

// sameResource tells whether a guest's resource type stands for a host's.
type sameResource func(guest, host *types.Resource) bool

// difference says in what a guest's function type differs from the host's: the
// first place where they do.
func difference(guest, host *types.Func, same sameResource) string {
	if guest.Async != host.Async {
		return fmt.Sprintf("guest wants async = %t, host has %t", guest.Async, host.Async)
	}
	if len(guest.Params) != len(host.Params) {
		return fmt.Sprintf("guest wants %d parameters (%s), host has %d (%s)",
			len(guest.Params), paramNames(guest), len(host.Params), paramNames(host))
	}
	for i, p := range guest.Params {
		h := host.Params[i]
		if p.Name != h.Name {
			return fmt.Sprintf("param %d: guest calls it %q, host %q", i, p.Name, h.Name)
		}
		if d := typeDifference(p.Type, h.Type, same); d != "" {
			return fmt.Sprintf("param %q: %s", p.Name, d)
		}
	}
	return "result: " + typeDifference(guest.Result, host.Result, same)
}

func paramNames(f *types.Func) string {
	names := make([]string, len(f.Params))
	for i, p := range f.Params {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// typeDifference returns "" when the types are the same. It follows the first
// part that differs, so that long types are not printed for a small difference.
func typeDifference(guest, host types.ValType, same sameResource) string {
	if types.EqualFunc(guest, host, same) {
		return ""
	}
	whole := fmt.Sprintf("guest wants %s, host has %s", typeText(guest), typeText(host))
	switch g := guest.(type) {
	case *types.Record:
		h, ok := host.(*types.Record)
		if !ok || len(g.Fields) != len(h.Fields) {
			return whole
		}
		for i, f := range g.Fields {
			if f.Name != h.Fields[i].Name {
				return fmt.Sprintf("field %d: guest calls it %q, host %q", i, f.Name, h.Fields[i].Name)
			}
			if d := typeDifference(f.Type, h.Fields[i].Type, same); d != "" {
				return fmt.Sprintf("field %q: %s", f.Name, d)
			}
		}
	case *types.Variant:
		h, ok := host.(*types.Variant)
		if !ok || len(g.Cases) != len(h.Cases) {
			return whole
		}
		for i, c := range g.Cases {
			if c.Name != h.Cases[i].Name {
				return fmt.Sprintf("case %d: guest calls it %q, host %q", i, c.Name, h.Cases[i].Name)
			}
			if d := typeDifference(c.Type, h.Cases[i].Type, same); d != "" {
				return fmt.Sprintf("case %q: %s", c.Name, d)
			}
		}
	case *types.List:
		if h, ok := host.(*types.List); ok && g.Length == h.Length {
			return "element: " + typeDifference(g.Elem, h.Elem, same)
		}
	case *types.Option:
		if h, ok := host.(*types.Option); ok {
			return "some: " + typeDifference(g.Elem, h.Elem, same)
		}
	case *types.Result:
		h, ok := host.(*types.Result)
		if !ok {
			return whole
		}
		if d := typeDifference(g.OK, h.OK, same); d != "" {
			return "ok: " + d
		}
		return "error: " + typeDifference(g.Err, h.Err, same)
	case *types.Own:
		if h, ok := host.(*types.Own); ok {
			return fmt.Sprintf("guest's resource %q is not the host's %q", g.Resource.Name, h.Resource.Name)
		}
	case *types.Borrow:
		if h, ok := host.(*types.Borrow); ok {
			return fmt.Sprintf("guest's resource %q is not the host's %q", g.Resource.Name, h.Resource.Name)
		}
	}
	return whole
}

// maxTypeText is the most of a type that a message shows, in bytes.
const maxTypeText = 300

func typeText(t types.ValType) string {
	if t == nil {
		return "nothing"
	}
	s := t.String()
	if len(s) > maxTypeText {
		s = s[:maxTypeText] + "..."
	}
	return s
}
