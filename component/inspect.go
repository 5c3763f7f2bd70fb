package component

import (
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/link"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
)

// Stage is a step that a component goes through before it runs.
type Stage string

// The stages, in order.
const (
	// StageDecode shows the definitions as they stand in the file.
	StageDecode Stage = "decode"
	// StageValidate shows what the component has, once it is known to be valid.
	StageValidate Stage = "validate"
	// StagePlan shows the steps by which it would be instantiated.
	StagePlan Stage = "plan"
	// StageWIT shows its imports and exports in the manner of WIT.
	StageWIT Stage = "wit"
)

// Stages returns the stages in order.
func Stages() []Stage { return []Stage{StageDecode, StageValidate, StagePlan, StageWIT} }

// Inspect takes a component through the stages up to the one named, without
// compiling or running anything, and describes what came of it, as text for
// people. Errors are those of [Runtime.Compile].
func Inspect(wasm []byte, stage Stage) (string, error) {
	var p printer
	decoded, err := decode.Decode(wasm)
	if err != nil {
		return "", err
	}
	if stage == StageDecode {
		p.component(decoded, 0)
		return p.String(), nil
	}
	valid, err := validate.Validate(decoded, NewConfig().validation())
	if err != nil {
		return "", err
	}
	switch stage {
	case StageValidate:
		p.census(decoded)
	case StageWIT:
		p.world(valid.Type)
	case StagePlan:
		plan, err := link.Build(valid, link.Limits{Steps: DefaultPlanLimit, CoreInstances: DefaultCoreInstanceLimit}, nil)
		if err != nil {
			return "", err
		}
		p.plan(plan)
	default:
		return "", fmt.Errorf("there is no stage %q, expected one of %v", stage, Stages())
	}
	return p.String(), nil
}

// printer writes lines with indentation.
type printer struct{ strings.Builder }

func (p *printer) line(depth int, format string, args ...any) {
	p.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

// component writes a component's definitions, nested ones below their own.
func (p *printer) component(c *decode.Component, depth int) {
	name := ""
	if c.Name != "" {
		name = fmt.Sprintf(" %q", c.Name)
	}
	p.line(depth, "0x%06x component%s, %d bytes, %d definitions", c.Offset, name, c.Size, len(c.Defs))
	for _, d := range c.Defs {
		if nested, ok := d.(*decode.Component); ok {
			p.component(nested, depth+1)
			continue
		}
		p.line(depth+1, "0x%06x %s", d.Pos(), definition(d))
	}
}

// definition writes one definition, as its indices stand in the file.
func definition(d decode.Def) string {
	switch d := d.(type) {
	case *decode.CoreModule:
		return fmt.Sprintf("core module, %d bytes, %d imports, %d exports", len(d.Bytes), len(d.Module.Imports), len(d.Module.Exports))
	case *decode.CoreInstance:
		if !d.Instantiate {
			return fmt.Sprintf("core instance of %d exports", len(d.Exports))
		}
		args := make([]string, len(d.Args))
		for i, a := range d.Args {
			args[i] = fmt.Sprintf("%q = core instance %d", a.Name, a.Instance)
		}
		return fmt.Sprintf("core instance of core module %d (%s)", d.Module, strings.Join(args, ", "))
	case *decode.CoreType:
		if d.Module != nil {
			return fmt.Sprintf("core module type, %d declarations", len(d.Module.Decls))
		}
		return fmt.Sprintf("core type, %d types", len(d.Types))
	case *decode.Instance:
		if !d.Instantiate {
			return fmt.Sprintf("instance of %d exports", len(d.Exports))
		}
		args := make([]string, len(d.Args))
		for i, a := range d.Args {
			args[i] = fmt.Sprintf("%q = %v %d", a.Name, a.Sort, a.Index)
		}
		return fmt.Sprintf("instance of component %d (%s)", d.Component, strings.Join(args, ", "))
	case *decode.Alias:
		switch d.Target {
		case decode.AliasExport:
			return fmt.Sprintf("alias %v %q of instance %d", d.Sort, d.Name, d.Instance)
		case decode.AliasCoreExport:
			return fmt.Sprintf("alias %v %q of core instance %d", d.Sort, d.Name, d.Instance)
		}
		return fmt.Sprintf("alias %v %d of the scope %d outward", d.Sort, d.Index, d.Count)
	case *decode.Type:
		return "type " + kind(d.Type)
	case *decode.Lift:
		return fmt.Sprintf("lift core func %d as type %d", d.Func, d.Type)
	case *decode.Lower:
		return fmt.Sprintf("lower func %d", d.Func)
	case *decode.ResourceNew:
		return fmt.Sprintf("resource.new of type %d", d.Resource)
	case *decode.ResourceDrop:
		return fmt.Sprintf("resource.drop of type %d", d.Resource)
	case *decode.ResourceRep:
		return fmt.Sprintf("resource.rep of type %d", d.Resource)
	case *decode.Import:
		return fmt.Sprintf("import %q", d.Name.Name)
	case *decode.Export:
		return fmt.Sprintf("export %q, %v %d", d.Name.Name, d.Sort, d.Index)
	case *decode.AsyncBuiltin:
		return fmt.Sprintf("%v", d.Op)
	}
	return kind(d)
}

// kind is the name of a definition's Go type, in lower case.
func kind(v any) string {
	name := fmt.Sprintf("%T", v)
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}

// census counts what a valid component has, nested components included.
func (p *printer) census(c *decode.Component) {
	counts := map[string]int{}
	count(c, counts)
	p.line(0, "valid, %d bytes", c.Size)
	for _, k := range []string{"component", "coremodule", "coreinstance", "instance", "type", "alias", "lift", "lower", "import", "export"} {
		if counts[k] > 0 {
			p.line(1, "%d %s definitions", counts[k], strings.Replace(k, "core", "core ", 1))
		}
	}
}

func count(c *decode.Component, counts map[string]int) {
	for _, d := range c.Defs {
		counts[kind(d)]++
		if nested, ok := d.(*decode.Component); ok {
			count(nested, counts)
		}
	}
}

// plan writes the steps of a plan and what they refer to.
func (p *printer) plan(plan *link.Plan) {
	if plan.Unsupported != nil {
		p.line(0, "cannot be instantiated: %v", plan.Unsupported)
	}
	p.line(0, "component instances")
	for i, inst := range plan.Instances {
		p.line(1, "%d %q", i, inst.Name)
	}
	p.line(0, "core modules")
	for i, m := range plan.Modules {
		p.line(1, "%d at 0x%06x, %d bytes, %d imports", i, m.Offset, len(m.Bytes), len(m.Imports))
	}
	p.line(0, "imports")
	for i, imp := range plan.Imports {
		p.line(1, "%d %s %s", i, member(imp.From, imp.Name), imp.Type)
	}
	p.line(0, "steps")
	made := 0
	for i, s := range plan.Steps {
		switch s.Kind {
		case link.StepInstantiate:
			args := make([]string, len(s.Args))
			for k, a := range s.Args {
				args[k] = fmt.Sprintf("core instance %d", a.Index)
				if a.Canons {
					args[k] = fmt.Sprintf("host functions of instance %d", a.Index)
				}
			}
			p.line(1, "%d core instance %d = core module %d (%s), in instance %d", i, made, s.Index, strings.Join(args, ", "), s.In)
			made++
		case link.StepOptions:
			p.line(1, "%d canonical options %d", i, s.Index)
		case link.StepResource:
			p.line(1, "%d resource %d", i, s.Index)
		}
	}
	p.line(0, "host functions")
	for i, c := range plan.Canons {
		p.line(1, "%d %s", i, c.Name)
	}
	p.line(0, "lifted functions")
	for i, l := range plan.Lifts {
		p.line(1, "%d %s %s", i, l.Name, l.Type)
	}
}

func member(instance, name string) string {
	if instance == "" {
		return name
	}
	return instance + "#" + name
}

// world writes a component's imports and exports in the manner of WIT.
func (p *printer) world(t *types.Component) {
	p.line(0, "world {")
	for _, imp := range t.Imports {
		p.extern(1, "import ", imp)
	}
	for _, exp := range t.Exports {
		p.extern(1, "export ", exp)
	}
	p.line(0, "}")
}

func (p *printer) extern(depth int, keyword string, e types.Extern) {
	switch t := e.Type.(type) {
	case *types.Func:
		p.line(depth, "%s%s: %s;", keyword, e.Name, t)
	case *types.Instance:
		p.line(depth, "%s%s: interface {", keyword, e.Name)
		for _, inner := range t.Exports {
			p.extern(depth+1, "", inner)
		}
		p.line(depth, "}")
	case *types.Component:
		p.line(depth, "%s%s: component of %d imports and %d exports;", keyword, e.Name, len(t.Imports), len(t.Exports))
	case *types.CoreModule:
		p.line(depth, "%s%s: core module of %d imports and %d exports;", keyword, e.Name, len(t.Imports), len(t.Exports))
	case *types.TypeEq:
		p.line(depth, "%stype %s = %s;", keyword, e.Name, t.Type)
	case *types.TypeSub:
		p.line(depth, "%sresource %s;", keyword, e.Name)
	}
}
