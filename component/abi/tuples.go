package abi

import (
	"strconv"

	"github.com/wasinn/wasinn/component/types"
)

// tupleOf is the codec of a tuple, a record with numbers for names.
func tupleOf[S any](fields ...Field[S]) Codec[S] {
	typ := &types.Tuple{}
	for i := range fields {
		fields[i].name = strconv.Itoa(i)
		typ.Elems = append(typ.Elems, fields[i].typ)
	}
	return newRecord(typ, fields, AtField)
}

// Tuple1 is a tuple of 1.
type Tuple1[A any] struct {
	F0 A
}

// Tuple1Of is the codec of a tuple of 1.
func Tuple1Of[A any](a Codec[A]) Codec[Tuple1[A]] {
	type s = Tuple1[A]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
	)
}

// Tuple2 is a tuple of 2.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Tuple2Of is the codec of a tuple of 2.
func Tuple2Of[A, B any](a Codec[A], b Codec[B]) Codec[Tuple2[A, B]] {
	type s = Tuple2[A, B]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
	)
}

// Tuple3 is a tuple of 3.
type Tuple3[A, B, C any] struct {
	F0 A
	F1 B
	F2 C
}

// Tuple3Of is the codec of a tuple of 3.
func Tuple3Of[A, B, C any](a Codec[A], b Codec[B], c Codec[C]) Codec[Tuple3[A, B, C]] {
	type s = Tuple3[A, B, C]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
	)
}

// Tuple4 is a tuple of 4.
type Tuple4[A, B, C, D any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
}

// Tuple4Of is the codec of a tuple of 4.
func Tuple4Of[A, B, C, D any](a Codec[A], b Codec[B], c Codec[C], d Codec[D]) Codec[Tuple4[A, B, C, D]] {
	type s = Tuple4[A, B, C, D]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
	)
}

// Tuple5 is a tuple of 5.
type Tuple5[A, B, C, D, E any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
}

// Tuple5Of is the codec of a tuple of 5.
func Tuple5Of[A, B, C, D, E any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E]) Codec[Tuple5[A, B, C, D, E]] {
	type s = Tuple5[A, B, C, D, E]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
	)
}

// Tuple6 is a tuple of 6.
type Tuple6[A, B, C, D, E, F any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
	F5 F
}

// Tuple6Of is the codec of a tuple of 6.
func Tuple6Of[A, B, C, D, E, F any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F]) Codec[Tuple6[A, B, C, D, E, F]] {
	type s = Tuple6[A, B, C, D, E, F]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
	)
}

// Tuple7 is a tuple of 7.
type Tuple7[A, B, C, D, E, F, G any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
	F5 F
	F6 G
}

// Tuple7Of is the codec of a tuple of 7.
func Tuple7Of[A, B, C, D, E, F, G any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F], g Codec[G]) Codec[Tuple7[A, B, C, D, E, F, G]] {
	type s = Tuple7[A, B, C, D, E, F, G]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
		FieldOf("", g, func(s *s) *G { return &s.F6 }),
	)
}

// Tuple8 is a tuple of 8.
type Tuple8[A, B, C, D, E, F, G, H any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
	F5 F
	F6 G
	F7 H
}

// Tuple8Of is the codec of a tuple of 8.
func Tuple8Of[A, B, C, D, E, F, G, H any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F], g Codec[G], h Codec[H]) Codec[Tuple8[A, B, C, D, E, F, G, H]] {
	type s = Tuple8[A, B, C, D, E, F, G, H]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
		FieldOf("", g, func(s *s) *G { return &s.F6 }),
		FieldOf("", h, func(s *s) *H { return &s.F7 }),
	)
}

// Tuple9 is a tuple of 9.
type Tuple9[A, B, C, D, E, F, G, H, I any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
	F5 F
	F6 G
	F7 H
	F8 I
}

// Tuple9Of is the codec of a tuple of 9.
func Tuple9Of[A, B, C, D, E, F, G, H, I any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F], g Codec[G], h Codec[H], i Codec[I]) Codec[Tuple9[A, B, C, D, E, F, G, H, I]] {
	type s = Tuple9[A, B, C, D, E, F, G, H, I]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
		FieldOf("", g, func(s *s) *G { return &s.F6 }),
		FieldOf("", h, func(s *s) *H { return &s.F7 }),
		FieldOf("", i, func(s *s) *I { return &s.F8 }),
	)
}

// Tuple10 is a tuple of 10.
type Tuple10[A, B, C, D, E, F, G, H, I, J any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
	F5 F
	F6 G
	F7 H
	F8 I
	F9 J
}

// Tuple10Of is the codec of a tuple of 10.
func Tuple10Of[A, B, C, D, E, F, G, H, I, J any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F], g Codec[G], h Codec[H], i Codec[I], j Codec[J]) Codec[Tuple10[A, B, C, D, E, F, G, H, I, J]] {
	type s = Tuple10[A, B, C, D, E, F, G, H, I, J]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
		FieldOf("", g, func(s *s) *G { return &s.F6 }),
		FieldOf("", h, func(s *s) *H { return &s.F7 }),
		FieldOf("", i, func(s *s) *I { return &s.F8 }),
		FieldOf("", j, func(s *s) *J { return &s.F9 }),
	)
}

// Tuple11 is a tuple of 11.
type Tuple11[A, B, C, D, E, F, G, H, I, J, K any] struct {
	F0  A
	F1  B
	F2  C
	F3  D
	F4  E
	F5  F
	F6  G
	F7  H
	F8  I
	F9  J
	F10 K
}

// Tuple11Of is the codec of a tuple of 11.
func Tuple11Of[A, B, C, D, E, F, G, H, I, J, K any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F], g Codec[G], h Codec[H], i Codec[I], j Codec[J], k Codec[K]) Codec[Tuple11[A, B, C, D, E, F, G, H, I, J, K]] {
	type s = Tuple11[A, B, C, D, E, F, G, H, I, J, K]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
		FieldOf("", g, func(s *s) *G { return &s.F6 }),
		FieldOf("", h, func(s *s) *H { return &s.F7 }),
		FieldOf("", i, func(s *s) *I { return &s.F8 }),
		FieldOf("", j, func(s *s) *J { return &s.F9 }),
		FieldOf("", k, func(s *s) *K { return &s.F10 }),
	)
}

// Tuple12 is a tuple of 12.
type Tuple12[A, B, C, D, E, F, G, H, I, J, K, L any] struct {
	F0  A
	F1  B
	F2  C
	F3  D
	F4  E
	F5  F
	F6  G
	F7  H
	F8  I
	F9  J
	F10 K
	F11 L
}

// Tuple12Of is the codec of a tuple of 12.
func Tuple12Of[A, B, C, D, E, F, G, H, I, J, K, L any](a Codec[A], b Codec[B], c Codec[C], d Codec[D], e Codec[E], f Codec[F], g Codec[G], h Codec[H], i Codec[I], j Codec[J], k Codec[K], l Codec[L]) Codec[Tuple12[A, B, C, D, E, F, G, H, I, J, K, L]] {
	type s = Tuple12[A, B, C, D, E, F, G, H, I, J, K, L]
	return tupleOf(
		FieldOf("", a, func(s *s) *A { return &s.F0 }),
		FieldOf("", b, func(s *s) *B { return &s.F1 }),
		FieldOf("", c, func(s *s) *C { return &s.F2 }),
		FieldOf("", d, func(s *s) *D { return &s.F3 }),
		FieldOf("", e, func(s *s) *E { return &s.F4 }),
		FieldOf("", f, func(s *s) *F { return &s.F5 }),
		FieldOf("", g, func(s *s) *G { return &s.F6 }),
		FieldOf("", h, func(s *s) *H { return &s.F7 }),
		FieldOf("", i, func(s *s) *I { return &s.F8 }),
		FieldOf("", j, func(s *s) *J { return &s.F9 }),
		FieldOf("", k, func(s *s) *K { return &s.F10 }),
		FieldOf("", l, func(s *s) *L { return &s.F11 }),
	)
}
