// Package instantiate compiles the plan of a component and runs it: core
// instances over package corewasm, canonical functions over package abi.
package instantiate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/internal/corewasm"
	"github.com/wasinn/wasinn/component/internal/link"
)

// Program is a compiled plan. It is safe for concurrent use.
type Program struct {
	plan    *link.Plan
	engine  *corewasm.Engine
	modules []*corewasm.Module // of Plan.Modules
	hosts   []*corewasm.Host   // canonical functions of Plan.Instances; nil where there are none
	canons  []canon            // of Plan.Canons
	sigs    []func() *abi.Signature
}

// canon is a canonical function: as core code calls it, and as it is lifted
// without core code between.
type canon interface {
	corewasm.Callee
	abi.Handle
}

// canonFunc is a canonical function.
type canonFunc func(c *corewasm.Context, stack []uint64) error

// Call implements corewasm.Callee.
func (f canonFunc) Call(ctx context.Context, stack []uint64) { corewasm.GoFunc(f).Call(ctx, stack) }

// CallWithStack implements abi.Handle.
func (f canonFunc) CallWithStack(ctx context.Context, stack []uint64) error {
	if err := f(corewasm.ContextOf(ctx), stack); err != nil {
		return corewasm.Raised(err)
	}
	return nil
}

// Compile compiles the core modules of a plan. progress, when not nil, is told
// the bytes of core code compiled so far and in total.
//
// tableLimit is the most elements that the tables of one instance may have together; each gets its share.
func Compile(ctx context.Context, engine *corewasm.Engine, plan *link.Plan, tableLimit uint32, progress func(done, total int)) (*Program, error) {
	p := &Program{plan: plan, engine: engine}
	maxTable, err := tableShare(plan, tableLimit)
	if err != nil {
		return nil, err
	}
	if err := p.compile(ctx, maxTable, progress); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

// tableShare divides the limit of table elements among the tables of a plan.
func tableShare(plan *link.Plan, limit uint32) (maxTable uint32, err error) {
	least, n := uint64(0), uint64(1)
	for _, st := range plan.Steps {
		if st.Kind != link.StepInstantiate {
			continue
		}
		for _, min := range plan.Modules[st.Index].TableMins() {
			n++
			if least += min; least > uint64(limit) {
				return 0, &link.Error{Kind: link.Limit, Msg: fmt.Sprintf("its tables start with %d elements or more, the limit is %d", least, limit)}
			}
		}
	}
	return uint32(max(uint64(limit)/n, 1)), nil
}

func (p *Program) compile(ctx context.Context, maxTable uint32, progress func(done, total int)) error {
	done, total := 0, 0
	all := slices.Concat(p.plan.Modules, p.plan.Unused)
	for _, m := range all {
		total += len(m.Bytes)
	}
	for i, m := range all {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		compiled, err := p.engine.Compile(ctx, m.Bytes, m.Info, moduleName(i), importNames(m), maxTable)
		if err != nil {
			kind := link.InvalidModule
			if _, ok := errors.AsType[*corewasm.LimitError](err); ok {
				kind = link.Limit
			}
			return &link.Error{Kind: kind, Path: fmt.Sprintf("core module at 0x%x", m.Offset), Msg: err.Error()}
		}
		if i < len(p.plan.Modules) {
			p.modules = append(p.modules, compiled)
		} else if err := compiled.Close(ctx); err != nil {
			return err
		}
		done += len(m.Bytes)
		if progress != nil {
			progress(done, total)
		}
	}
	for i := range p.plan.Canons {
		if c := &p.plan.Canons[i]; c.Kind == link.CanonLowerImport && !c.Type.Async {
			p.canons = append(p.canons, &lowered{c})
		} else {
			p.canons = append(p.canons, p.canon(i))
		}
	}
	for _, l := range p.plan.Lifts {
		p.sigs = append(p.sigs, sync.OnceValue(func() *abi.Signature { return abi.NewSignature(l.Type, nil) }))
	}
	return p.compileHosts(ctx)
}

// importNames are the names of a module's imports in the engine. A module that
// is not instantiated needs any names that the engine takes.
func importNames(m *link.Module) []corewasm.ImportName {
	names := make([]corewasm.ImportName, len(m.Info.Imports))
	for i := range names {
		if m.Imports != nil {
			names[i] = corewasm.ImportName(m.Imports[i])
		} else {
			names[i].Name = m.Info.Imports[i].Name
		}
	}
	return names
}

// compileHosts makes one host module for the canonical functions of each
// component instance.
func (p *Program) compileHosts(ctx context.Context) error {
	p.hosts = make([]*corewasm.Host, len(p.plan.Instances))
	for i, in := range p.plan.Instances {
		if len(in.Canons) == 0 {
			continue
		}
		funcs := make([]corewasm.HostFunc, len(in.Canons))
		for k, n := range in.Canons {
			c := &p.plan.Canons[n]
			funcs[k] = corewasm.HostFunc{Export: strconv.Itoa(k), Name: p.canonName(c), Params: valTypes(c.Params), Results: valTypes(c.Results), Fn: p.canons[n]}
		}
		host, err := p.engine.CompileHost(ctx, funcs)
		if err != nil {
			return &link.Error{Path: fmt.Sprintf("component %q", in.Name), Msg: fmt.Sprintf("canonical functions: %v", err)}
		}
		p.hosts[i] = host
	}
	return nil
}

// canonName is what frames of traps call a canonical function.
func (p *Program) canonName(c *link.Canon) string {
	switch {
	case c.Name != "":
		return c.Name
	case c.Kind == link.CanonLowerLift && p.plan.Lifts[c.Index].Name != "":
		return p.plan.Lifts[c.Index].Name
	case c.Kind == link.CanonLowerLift:
		return "function of a component"
	}
	return "canonical function"
}

func valTypes(ts []layout.CoreType) []corewasm.ValType {
	codes := [...]corewasm.ValType{layout.I32: corewasm.I32, layout.I64: corewasm.I64, layout.F32: corewasm.F32, layout.F64: corewasm.F64}
	out := make([]corewasm.ValType, len(ts))
	for i, t := range ts {
		out[i] = codes[t]
	}
	return out
}

// lowered is a function of the host, lowered: the most called of all canonical
// functions.
type lowered struct{ *link.Canon }

// Call implements corewasm.Callee.
func (l *lowered) Call(ctx context.Context, stack []uint64) {
	cc := corewasm.ContextOf(ctx)
	s := cc.State.(*Instance)
	call := s.store.AcquireCall()
	call.Init(cc.Context, &s.options[l.Options], s.abi[l.Instance], stack)
	err := s.bound.Funcs[l.Index](call)
	s.store.ReleaseCall(call)
	if err != nil {
		corewasm.Raise(atCall(ofHost(err), l.Canon))
	}
}

// ofHost makes a trap of an error that a function of the host returned, unless it ends
// the guest in another way.
func ofHost(err error) error {
	if _, ok := errors.AsType[*abi.Trap](err); ok {
		return err
	}
	if _, ok := errors.AsType[abi.Ending](err); ok {
		return err
	}
	return &abi.Trap{Kind: abi.TrapHost, Err: err}
}

// CallWithStack implements abi.Handle.
func (l *lowered) CallWithStack(ctx context.Context, stack []uint64) (err error) {
	defer corewasm.Lower(&err)
	l.Call(ctx, stack)
	return nil
}

// canon returns canonical function n, which is none of the host's. It is made once for all instances; what
// belongs to an instance it finds through the context.
func (p *Program) canon(n int) canonFunc {
	c := p.plan.Canons[n]
	if c.Type != nil && c.Type.Async {
		return p.lowerAsync(n)
	}
	switch c.Kind {
	case link.CanonBuiltin:
		return builtin(&c)
	case link.CanonLowerLift:
		return func(cc *corewasm.Context, stack []uint64) error {
			s := cc.State.(*Instance)
			if s.fused[n] == nil {
				f, err := abi.Fuse(s.Func(c.Index), p.sigs[c.Index]())
				if err != nil {
					return err
				}
				s.fused[n] = f
			}
			call := s.store.AcquireCall()
			call.Init(cc.Context, &s.options[c.Options], s.abi[c.Instance], stack)
			err := s.fused[n](call)
			s.store.ReleaseCall(call)
			if err != nil {
				return atCall(err, &c)
			}
			return nil
		}
	case link.CanonResourceNew:
		return func(cc *corewasm.Context, stack []uint64) error {
			s := cc.State.(*Instance)
			i, err := s.abi[c.Instance].ResourceNew(s.resources[c.Index], uint32(stack[0]))
			stack[0] = uint64(i)
			return err
		}
	case link.CanonResourceRep:
		return func(cc *corewasm.Context, stack []uint64) error {
			s := cc.State.(*Instance)
			rep, err := s.abi[c.Instance].ResourceRep(s.resources[c.Index], uint32(stack[0]))
			stack[0] = uint64(rep)
			return err
		}
	}
	return func(cc *corewasm.Context, stack []uint64) error {
		s := cc.State.(*Instance)
		return s.abi[c.Instance].ResourceDrop(cc.Context, s.resources[c.Index], uint32(stack[0]))
	}
}

// Close frees the compiled code. No instance may be alive.
func (p *Program) Close(ctx context.Context) error {
	var errs []error
	for _, m := range p.modules {
		errs = append(errs, m.Close(ctx))
	}
	for _, h := range p.hosts {
		if h != nil {
			errs = append(errs, h.Close(ctx))
		}
	}
	p.modules, p.hosts = nil, nil
	return errors.Join(errs...)
}
