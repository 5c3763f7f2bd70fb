package wasip2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/component/abi"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"golang.org/x/net/http/httpguts"
)

const (
	// maxFieldBytes is how many bytes of fields of its own an instance may hold.
	maxFieldBytes = 1 << 20
	// maxIncomingFieldBytes is how many bytes of fields that came to it.
	maxIncomingFieldBytes = 8 << 20
	// fieldOverhead is counted for each field beside its bytes.
	fieldOverhead = 64
)

// forbiddenFields are those that the host keeps to itself: a guest can neither
// set nor see them, since they are about a connection and not about a message.
var forbiddenFields = map[string]bool{
	"connection":          true,
	"host":                true, // a request's authority says it
	"http2-settings":      true,
	"keep-alive":          true,
	"proxy-authenticate":  true,
	"proxy-authorization": true,
	"proxy-connection":    true,
	"transfer-encoding":   true,
	"upgrade":             true,
}

// fieldBudget counts the bytes of an instance's fields.
type fieldBudget struct{ used, limit int }

// fields are HTTP headers or trailers in their order. Names compare without
// regard to case.
type fields struct {
	host      *host
	budget    *fieldBudget
	entries   []field
	immutable bool
	owned     bool // immutable, and the guest's own nevertheless
}

type field struct {
	name  string
	value []byte
}

func (f field) size() int { return len(f.name) + len(f.value) + fieldOverhead }

// newFields returns fields of the guest's own.
func (h *host) newFields() *fields { return &fields{host: h, budget: &h.fields} }

// incomingFields returns what came to the guest, sorted by name in lower case,
// without the fields that it may not see. It is an error when they are too much.
func (h *host) incomingFields(header http.Header) (*fields, error) {
	f := &fields{host: h, budget: &h.incoming, immutable: true}
	for _, key := range slices.Sorted(maps.Keys(header)) {
		name := strings.ToLower(key)
		if forbiddenFields[name] {
			continue
		}
		for _, v := range header[key] {
			if err := f.add(name, []byte(v)); err != nil {
				f.free()
				return nil, err
			}
		}
	}
	return f, nil
}

// header returns the fields as net/http has them, and their size in bytes.
func (f *fields) header() (header http.Header, size int) {
	header = http.Header{}
	for _, e := range f.entries {
		header.Add(e.name, string(e.value))
		size += e.size() - fieldOverhead + len(": \r\n")
	}
	return header, size
}

func (h httpHost) NewFields(context.Context) (httptypes.Fields, error) { return h.newFields(), nil }

func (h httpHost) FieldsFromList(ctx context.Context, entries []abi.Tuple2[string, []byte]) (abi.Result[httptypes.Fields, httptypes.HeaderError], error) {
	f := h.newFields()
	for _, e := range entries {
		r, err := f.Append(ctx, e.F0, e.F1)
		if err != nil || r.IsErr {
			return abi.Result[httptypes.Fields, httptypes.HeaderError]{Err: r.Err, IsErr: true}, errors.Join(err, f.Drop(ctx))
		}
	}
	return abi.Result[httptypes.Fields, httptypes.HeaderError]{OK: f}, nil
}

func (f *fields) named(name string) func(field) bool {
	return func(e field) bool { return strings.EqualFold(e.name, name) }
}

// get returns the values of a name.
func (f *fields) get(name string) (values [][]byte) {
	for _, e := range f.entries {
		if f.named(name)(e) {
			values = append(values, e.value)
		}
	}
	return values
}

func (f *fields) Get(_ context.Context, name string) ([][]byte, error) { return f.get(name), nil }

func (f *fields) Has(_ context.Context, name string) (bool, error) {
	return slices.ContainsFunc(f.entries, f.named(name)), nil
}

// check tells why a field may not be set; nil when it may.
func (f *fields) check(name string, values ...[]byte) *httptypes.HeaderError {
	fail := func(e httptypes.HeaderError) *httptypes.HeaderError { return &e }
	if f.immutable {
		return fail(httptypes.HeaderErrorImmutable())
	}
	if !httpguts.ValidHeaderFieldName(name) {
		return fail(httptypes.HeaderErrorInvalidSyntax())
	}
	if forbiddenFields[strings.ToLower(name)] {
		return fail(httptypes.HeaderErrorForbidden())
	}
	for _, v := range values {
		if !httpguts.ValidHeaderFieldValue(string(v)) {
			return fail(httptypes.HeaderErrorInvalidSyntax())
		}
	}
	return nil
}

type headerResult = abi.Result[abi.Unit, httptypes.HeaderError]

func (f *fields) add(name string, value []byte) error {
	e := field{strings.Clone(name), bytes.Clone(value)}
	if f.budget.used+e.size() > f.budget.limit {
		return fmt.Errorf("HTTP fields of more than %d bytes", f.budget.limit)
	}
	f.budget.used += e.size()
	f.entries = append(f.entries, e)
	return nil
}

func (f *fields) remove(name string) {
	f.entries = slices.DeleteFunc(f.entries, func(e field) bool {
		if !f.named(name)(e) {
			return false
		}
		f.budget.used -= e.size()
		return true
	})
}

func (f *fields) Set(_ context.Context, name string, values [][]byte) (headerResult, error) {
	if e := f.check(name, values...); e != nil {
		return headerResult{Err: *e, IsErr: true}, nil
	}
	f.remove(name)
	for _, v := range values {
		if err := f.add(name, v); err != nil {
			return headerResult{}, err
		}
	}
	return headerResult{}, nil
}

func (f *fields) Delete(_ context.Context, name string) (headerResult, error) {
	if e := f.check(name); e != nil {
		return headerResult{Err: *e, IsErr: true}, nil
	}
	f.remove(name)
	return headerResult{}, nil
}

func (f *fields) Append(_ context.Context, name string, value []byte) (headerResult, error) {
	if e := f.check(name, value); e != nil {
		return headerResult{Err: *e, IsErr: true}, nil
	}
	return headerResult{}, f.add(name, value)
}

func (f *fields) Entries(context.Context) ([]abi.Tuple2[string, []byte], error) {
	all := make([]abi.Tuple2[string, []byte], len(f.entries))
	for i, e := range f.entries {
		all[i] = abi.Tuple2[string, []byte]{F0: e.name, F1: e.value}
	}
	return all, nil
}

func (f *fields) Clone(context.Context) (httptypes.Fields, error) {
	c := f.host.newFields()
	for _, e := range f.entries {
		if err := c.add(e.name, e.value); err != nil {
			c.free()
			return nil, err
		}
	}
	return c, nil
}

func (f *fields) Drop(context.Context) error {
	if f.immutable && !f.owned {
		return nil // they belong to their message
	}
	f.free()
	return nil
}

func (f *fields) free() {
	for _, e := range f.entries {
		f.budget.used -= e.size()
	}
	f.entries = nil
}

// frozen takes the fields that a guest gives away as a message's. Those of
// another message are copied, since they go with it.
func frozen(ctx context.Context, v httptypes.Fields) (*fields, error) {
	f, ok := v.(*fields)
	if !ok {
		return nil, errors.New("fields are not of this host")
	}
	if f.immutable {
		c, err := f.Clone(ctx)
		if err := errors.Join(err, f.Drop(ctx)); err != nil {
			return nil, err
		}
		f = c.(*fields)
	}
	f.immutable = true
	return f, nil
}
