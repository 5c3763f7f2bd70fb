package link

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/validate"
)

// The parts of binary components, assembled by hand.
func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func cat(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			out = append(out, byte(p))
		case string:
			out = append(append(out, uleb(len(p))...), p...)
		case []byte:
			out = append(out, p...)
		}
	}
	return out
}

func sect(id int, parts ...any) []byte {
	body := cat(parts...)
	return cat(id, uleb(len(body)), body)
}

// many is a vector of n items.
func many(n int, item func(i int) []byte) []byte {
	out := uleb(n)
	for i := range n {
		out = append(out, item(i)...)
	}
	return out
}

func comp(sections ...[]byte) []byte {
	return cat([]byte("\x00asm\x0d\x00\x01\x00"), slices.Concat(sections...))
}

func module(sections ...[]byte) []byte {
	return cat([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...))
}

// Identifiers of sections and sorts.
const (
	secModule, secCoreInstance, secCoreType, secComponent, secInstance = 1, 2, 3, 4, 5
	secAlias, secType, secCanon, secImport, secExport                  = 6, 7, 8, 10, 11

	sortFunc, sortType, sortComponent, sortInstance = 1, 3, 4, 5
)

func typeDefs(n int, item func(i int) []byte) []byte { return sect(secType, many(n, item)) }

func importDefs(n int, item func(i int) []byte) []byte { return sect(secImport, many(n, item)) }

// typeIndex is a reference to a type where a value type stands: a signed number.
func typeIndex(i int) []byte {
	out := uleb(i)
	if out[len(out)-1]&0x40 == 0 {
		return out
	}
	out[len(out)-1] |= 0x80
	return append(out, 0)
}

// externName is the name of an import or export.
func externName(name string) []byte { return cat(0, name) }

func nth(i int) string { return fmt.Sprintf("n%d", i) }

// long is a name of n bytes, or as many as names may have.
func long(n int) string { return strings.Repeat("x", min(n, 100_000)) }

// hostile are components made to take more time or memory than their size
// lets expect. size is about how many bytes they have.
var hostile = []struct {
	name string
	make func(size int) []byte
}{
	{"types that double", func(size int) []byte {
		n := size / 4
		return comp(typeDefs(n, func(i int) []byte {
			if i == 0 {
				return cat(0x7d) // u8
			}
			return cat(0x6f, 2, typeIndex(i-1), typeIndex(i-1))
		}))
	}},
	{"types that nest", func(size int) []byte {
		return comp(typeDefs(size/3, func(i int) []byte {
			if i == 0 {
				return cat(0x7d)
			}
			return cat(0x6b, typeIndex(i-1)) // option
		}))
	}},
	{"wide tuples of a wide tuple", func(size int) []byte {
		return comp(
			typeDefs(1, func(int) []byte { return cat(0x6f, many(size/2, func(int) []byte { return cat(0x7d) })) }),
			typeDefs(size/8, func(int) []byte { return cat(0x6f, 2, 0, 0) }))
	}},
	{"imports of one large enum", func(size int) []byte {
		return comp(
			typeDefs(1, func(int) []byte { return cat(0x6d, many(size/16, func(i int) []byte { return cat(nth(i)) })) }),
			importDefs(size/20, func(i int) []byte { return cat(externName(nth(i)), 3, 0, 0) }))
	}},
	{"comparisons of two large enums", func(size int) []byte {
		enum := func(int) []byte { return cat(0x6d, many(size/24, func(i int) []byte { return cat(nth(i)) })) }
		inner := comp(typeDefs(1, enum), importDefs(1, func(int) []byte { return cat(externName("e"), 3, 0, 0) }))
		return comp(
			sect(secComponent, inner), typeDefs(1, enum),
			sect(secInstance, many(size/16, func(int) []byte { return cat(0, 0, 1, "e", sortType, 0) })))
	}},
	{"comparisons of two records with a long name", func(size int) []byte {
		record := func(int) []byte { return cat(0x72, 1, long(size/3), 0x7d) }
		inner := comp(typeDefs(1, record), importDefs(1, func(int) []byte { return cat(externName("e"), 3, 0, 0) }))
		return comp(
			sect(secComponent, inner), typeDefs(1, record),
			sect(secInstance, many(size/20, func(int) []byte { return cat(0, 0, 1, "e", sortType, 0) })))
	}},
	{"instances compared many times", func(size int) []byte {
		funcs := func(int) []byte {
			return cat(0x42, uleb(size/40+1), cat(1, 0x40, 0, 1, 0), many(size/40, func(i int) []byte { return cat(4, externName(nth(i)), 1, 0) })[len(uleb(size/40)):])
		}
		inner := comp(typeDefs(1, funcs), importDefs(1, func(int) []byte { return cat(externName("i"), 5, 0) }))
		return comp(
			sect(secComponent, inner), typeDefs(1, funcs), importDefs(1, func(int) []byte { return cat(externName("i"), 5, 0) }),
			sect(secInstance, many(size/16, func(int) []byte { return cat(0, 0, 1, "i", sortInstance, 0) })))
	}},
	{"instances with a long name compared many times", func(size int) []byte {
		one := func(int) []byte { return cat(0x42, 2, cat(1, 0x40, 0, 1, 0), cat(4, externName(long(size/3)), 1, 0)) }
		inner := comp(typeDefs(1, one), importDefs(1, func(int) []byte { return cat(externName("i"), 5, 0) }))
		return comp(
			sect(secComponent, inner), typeDefs(1, one), importDefs(1, func(int) []byte { return cat(externName("i"), 5, 0) }),
			sect(secInstance, many(size/20, func(int) []byte { return cat(0, 0, 1, "i", sortInstance, 0) })))
	}},
	{"resources copied for many instances", func(size int) []byte {
		inner := comp(
			typeDefs(1, func(int) []byte { return cat(0x3f, 0x7f, 0) }),
			sect(secExport, many(size/24, func(i int) []byte { return cat(externName(nth(i)), sortType, 0, 0) })))
		return comp(sect(secComponent, inner),
			sect(secInstance, many(size/6, func(int) []byte { return cat(0, 0, 0) })))
	}},
	{"instances that double", func(size int) []byte {
		sections := [][]byte{sect(secComponent, comp())}
		for i := range min(size/30, 90) {
			sections = append(sections, sect(secComponent, comp(
				sect(secAlias, 1, sortComponent, 2, 1, uleb(i)),
				sect(secInstance, 2, 0, 0, 0, 0, 0, 0))))
		}
		return comp(append(sections, sect(secInstance, 1, 0, uleb(len(sections)-1), 0))...)
	}},
	{"components in components", func(size int) []byte {
		c := comp()
		for range min(size/10, 1000) {
			c = comp(sect(secComponent, c))
		}
		return c
	}},
	{"aliases of types far outside", func(size int) []byte {
		c := comp(sect(secAlias, many(size/5, func(int) []byte { return cat(sortType, 2, 20, 0) })))
		for range 20 {
			c = comp(sect(secComponent, c))
		}
		return comp(typeDefs(1, func(int) []byte { return cat(0x6f, many(size/2, func(int) []byte { return cat(0x7d) })) }), c[8:])
	}},
	{"functions of an import with a long name", func(size int) []byte {
		n := size / 32
		inst := func(int) []byte {
			return cat(0x42, uleb(n+1), cat(1, 0x40, 0, 1, 0), many(n, func(i int) []byte { return cat(4, externName(nth(i)), 1, 0) })[len(uleb(n)):])
		}
		return comp(typeDefs(1, inst), importDefs(1, func(int) []byte { return cat(externName(long(size/2)), 5, 0) }),
			sect(secAlias, many(n, func(i int) []byte { return cat(sortFunc, 0, 0, nth(i)) })),
			sect(secCanon, many(n, func(i int) []byte { return cat(1, 0, uleb(i), 0) })))
	}},
	{"instances in an import with a long name", func(size int) []byte {
		n := size / 32
		inst := func(i int) []byte {
			if i == 0 {
				return cat(0x42, 0)
			}
			return cat(0x42, uleb(n+1), cat(2, sortType, 2, 1, 0), many(n, func(i int) []byte { return cat(4, externName(nth(i)), 5, 0) })[len(uleb(n)):])
		}
		return comp(typeDefs(2, inst), importDefs(1, func(int) []byte { return cat(externName(long(size/2)), 5, 1) }))
	}},
	{"functions of an export with a long name", func(size int) []byte {
		n := size / 32
		wasm := module(sect(1, 1, 0x60, 0, 0), sect(3, 1, 0), sect(7, 1, "f", 0, 0), sect(10, 1, 2, 0, 0x0b))
		return comp(
			sect(secModule, wasm), sect(secCoreInstance, 1, 0, 0, 0),
			sect(secAlias, 1, 0, 0, 1, 0, "f"),
			typeDefs(1, func(int) []byte { return cat(0x40, 0, 1, 0) }),
			sect(secCanon, many(n, func(int) []byte { return cat(0, 0, 0, 0, 0) })),
			sect(secInstance, 1, 1, many(n, func(i int) []byte { return cat(externName(nth(i)), sortFunc, uleb(i)) })),
			sect(secExport, 1, externName(long(size/2)), sortInstance, 0, 0))
	}},
	{"a component with a long name, many times", func(size int) []byte {
		named := comp(sect(0, "component-name", sect(0, long(size/2))))
		return comp(sect(secComponent, named), sect(secInstance, many(size/6, func(int) []byte { return cat(0, 0, 0) })))
	}},
	{"functions with many parameters lowered many times", func(size int) []byte {
		fn := func(int) []byte {
			return cat(0x40, many(size/16, func(i int) []byte { return cat(nth(i), 0x7d) }), 1, 0)
		}
		wasm := module(sect(5, 1, 0, 1), sect(7, 1, "m", 2, 0))
		return comp(typeDefs(1, fn), importDefs(1, func(int) []byte { return cat(externName("f"), 1, 0) }),
			sect(secModule, wasm), sect(secCoreInstance, 1, 0, 0, 0), sect(secAlias, 1, 0, 2, 1, 0, "m"),
			sect(secCanon, many(size/12, func(int) []byte { return cat(1, 0, 0, 1, 3, 0) })))
	}},
	{"a core module that imports a long name, many times", func(size int) []byte {
		f := sect(1, 1, 0x60, 0, 0)
		user := module(f, sect(2, 1, "m", long(size/3), 0, 0))
		maker := module(f, sect(3, 1, 0), sect(7, 1, long(size/3), 0, 0), sect(10, 1, 2, 0, 0x0b))
		return comp(sect(secModule, user), sect(secModule, maker),
			sect(secCoreInstance, many(min(size/10, 900)+1, func(i int) []byte {
				if i == 0 {
					return cat(0, 1, 0)
				}
				return cat(0, 0, 1, "m", 0x12, 0)
			})))
	}},
	{"a core module wired in many ways", func(size int) []byte {
		n := min(size/40, 400)
		f := sect(1, 1, 0x60, 0, 0)
		user := module(f, sect(2, 1, "m", "f", 0, 0), sect(0, "pad", []byte(long(size/2))))
		maker := module(f, sect(3, 1, 0), sect(7, many(n, func(i int) []byte { return cat(nth(i), 0, 0) })), sect(10, 1, 2, 0, 0x0b))
		sections := [][]byte{sect(secModule, user), sect(secModule, maker), sect(secCoreInstance, 1, 0, 1, 0)}
		for i := range n {
			sections = append(sections,
				sect(secAlias, 1, 0, 0, 1, 0, nth(i)),
				sect(secCoreInstance, 2, cat(1, 1, "f", 0, uleb(i)), cat(0, 0, 1, "m", 0x12, uleb(2*i+1))))
		}
		return comp(sections...)
	}},
}

// planned takes a component as far as its plan.
func planned(wasm []byte) error {
	d, err := decode.Decode(wasm)
	if err != nil {
		return err
	}
	c, err := validate.Validate(d, validate.Features{})
	if err != nil {
		return err
	}
	_, err = Build(c, limits, nil)
	return err
}

// refusals are what errors say that end a component for what it would take.
var refusals = []string{"too large", "the limit", "nested more than", "more than 1000000 nodes", "deep"}

// What planning a component may allocate: the constants that SECURITY.md states.
const (
	baseAllocated    = 64 << 20
	allocatedPerByte = 600
)

// TestHostileComponents checks that decoding, validating and planning takes
// memory linear in a component's size, or ends at a limit. Time is bounded by
// the steps that the stages count.
func TestHostileComponents(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			for _, size := range []int{10_000, 160_000} {
				wasm := h.make(size)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := planned(wasm)
				runtime.ReadMemStats(&after)
				allocated := after.TotalAlloc - before.TotalAlloc
				if most := uint64(baseAllocated + allocatedPerByte*len(wasm)); allocated > most {
					t.Errorf("%d bytes: %d bytes are allocated, at most %d are expected", len(wasm), allocated, most)
				}
				if err != nil && !slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(err.Error(), r) }) {
					t.Errorf("%d bytes: refused for another reason: %.300v", len(wasm), err)
				}
			}
		})
	}
}

// TestBindTellsOfFewImports has a component with more imports than errors are
// worth, with names that could be compared with the host's for long.
func TestBindTellsOfFewImports(t *testing.T) {
	wasm := comp(typeDefs(1, func(int) []byte { return cat(0x40, 0, 1, 0) }),
		importDefs(1000, func(i int) []byte { return cat(externName(nth(i)), 1, 0) }))
	p, err := build(t, wasm)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Bind(p, Definitions{"": {"n": {}}})
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxErrors+1 || lines[maxErrors] != "link: 950 more imports have no definition that fits" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}
