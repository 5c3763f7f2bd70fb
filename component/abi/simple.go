package abi

import (
	"context"
	"unsafe"

	"github.com/wasinn/wasinn/component/abi/layout"
)

// Most functions of guests take numbers, strings and list<u8>, and give a number or a
// string. Calls of these lend and move no handles, and all that can go
// wrong with what the host gives can be told before the guest is entered. So
// they go by fewer steps here than by [Func.begin] and [Func.end], with the same
// rules.

// takesSimply reports whether parameters can be lowered by [Func.beginSimple],
// and the instance has no use for a task.
func (f *Func) takesSimply(s *simpleParams) bool {
	o := &f.opts
	return s.ok && f.inst.parent == nil && f.inst.conc == nil && (s.numbers || o.Memory != nil && o.StringEncoding == UTF8 && f.sharesCore(o.Realloc)) &&
		(o.PostReturn == nil || f.sharesCore(o.PostReturn))
}

// givesSimply reports whether [Func.liftSimple] can lift a result.
func (f *Func) givesSimply(l place) bool {
	return l.kind.number() || l.kind == nothing || l.kind == textField && f.opts.Memory != nil && f.opts.StringEncoding == UTF8
}

func (f *Func) sharesCore(other *CoreFunc) bool { return other != nil && other.core == f.core.core }

// ready reports whether a simple call can be made: the host may enter the instance, and nothing
// of the function is in use or yet to be looked up.
func (f *Func) ready() bool {
	o := &f.opts
	return f.inst.ready() && !f.busy && f.core.idle && (o.Realloc == nil || o.Realloc.idle) && (o.PostReturn == nil || o.PostReturn.idle)
}

// beginSimple enters the instance, lowers the parameters at p, and runs the core
// function. outer is for endSimple, which is to follow, with the error.
func (f *Func) beginSimple(ctx context.Context, s *simpleParams, p unsafe.Pointer, views bool) (outer context.Context, err error) {
	core, stack := f.core, &f.frame.stack
	c := core.core
	f.inst.mayEnter, f.busy, core.idle = false, true, false
	outer = *c.Embedder
	*c.Embedder = ctx
	*c.Left--
	f.frame.cx.views, f.frame.cx.budget = views, f.inst.Store.limits.MaxLiftBytes
	k := 0
	for i := range s.places {
		l := &s.places[i]
		if l.kind < textField {
			stack[k&(layout.MaxFlatParams-1)] = l.lowerNumber(p)
			k++
			continue
		}
		bytes := *(*string)(unsafe.Add(p, l.off)) // a []byte begins like a string
		ptr, err := f.copyIn(bytes, l.kind == textField)
		if err != nil {
			return outer, s.atField(err, i)
		}
		stack[k&(layout.MaxFlatParams-1)], stack[(k+1)&(layout.MaxFlatParams-1)] = uint64(ptr), uint64(len(bytes))
		k += 2
	}
	if err = core.first.CallWithStack(c.Ctx, stack[:]); err != nil {
		return outer, c.Trap(err)
	}
	return outer, nil
}

// copyIn lowers a string or a list<u8>: it has the guest make room and copies the bytes
// there. Realloc calls nobody, since the guest may not leave meanwhile.
func (f *Func) copyIn(bytes string, text bool) (ptr uint32, err error) {
	if len(bytes) > layout.MaxByteLength || text && !validUTF8(bytes) {
		f.frame.unfit = true
		return 0, unfit(bytes, text)
	}
	o, room := &f.opts, &f.frame.cx.stack
	room[0], room[1], room[2], room[3] = 0, 0, 1, uint64(len(bytes))
	f.inst.mayLeave = false
	if err := o.Realloc.first.CallWithStack(o.Realloc.core.Ctx, room[:]); err != nil {
		return 0, &Trap{Kind: TrapRealloc, Msg: "realloc", Err: o.Realloc.core.Trap(err)}
	}
	f.inst.mayLeave = true
	ptr = uint32(room[0])
	m := *o.Memory
	if end := uint64(ptr) + uint64(len(bytes)); end <= uint64(len(m)) {
		copy(m[ptr:end], bytes)
		return ptr, nil
	}
	return 0, badPlace(ptr, 1, uint32(len(bytes)), m)
}

// liftSimple lifts the result to r.
func (f *Func) liftSimple(l place, r unsafe.Pointer) error {
	v := f.frame.stack[0]
	if l.kind != textField {
		if l.kind != nothing {
			l.liftNumber(v, r)
		}
		return nil
	}
	s, err := f.frame.cx.loadSpilledString(uint32(v))
	if err != nil {
		return AtResult(err)
	}
	*(*string)(r) = s
	return nil
}

// endSimple runs post-return and leaves the instance, or ends a call that failed.
func (f *Func) endSimple(outer context.Context, err error) error {
	c := f.core.core
	if post := f.opts.PostReturn; post != nil && err == nil {
		f.inst.mayLeave = false
		if err = post.first.CallWithStack(c.Ctx, f.frame.stack[:1]); err != nil {
			err = c.Trap(err)
		}
		f.inst.mayLeave = true
	}
	*c.Left++
	*c.Embedder = outer
	f.core.idle = true
	if err != nil {
		return f.endRefused(err)
	}
	f.inst.mayEnter, f.busy = true, false
	return nil
}

// endRefused ends a call that failed, be it that the guest trapped or that it cannot be
// given what the host gives.
func (f *Func) endRefused(err error) error {
	fr := &f.frame
	if !fr.unfit {
		return f.fail(fr, err)
	}
	fr.unfit = false
	return f.refuse(fr, err)
}

// unfit says why bytes cannot be lowered.
func unfit(bytes string, text bool) error {
	switch {
	case !text:
		return trapf(TrapTooLong, "list of %d elements of 1 bytes, want at most %d bytes", len(bytes), uint64(layout.MaxByteLength))
	case len(bytes) > layout.MaxByteLength:
		return trapf(TrapTooLong, "string of %d bytes, want at most %d", len(bytes), layout.MaxByteLength)
	}
	return trapf(TrapInvalidValue, "the string %.40q is not valid utf-8", bytes)
}

// simpleResult says where in the Go value of a type that is one number or a
// string it is, or that there is none; the kind is otherField for all other types.
func simpleResult[R any](c Codec[R]) place {
	switch any(c).(type) {
	case noneCodec:
		return place{kind: nothing}
	case stringCodec:
		return place{kind: textField}
	}
	return resultNumber(c)
}
