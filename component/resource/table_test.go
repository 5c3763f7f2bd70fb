package resource

import (
	"slices"
	"testing"
)

func TestTableUsesFreedNumbersLastInFirstOut(t *testing.T) {
	tab := NewTable[string](1)
	for i, v := range []string{"a", "b", "c"} {
		if got := tab.Add(v); got != uint32(i+1) {
			t.Errorf("Add(%q) = %d, want %d", v, got, i+1)
		}
	}
	tab.Remove(1)
	tab.Remove(3)
	if a, b, c := tab.Add("d"), tab.Add("e"), tab.Add("f"); a != 3 || b != 1 || c != 4 {
		t.Errorf("got %d %d %d, want 3 1 4", a, b, c)
	}
	var all []string
	for _, v := range tab.All {
		all = append(all, v)
	}
	if want := []string{"e", "b", "d", "f"}; !slices.Equal(all, want) || tab.Len() != 4 {
		t.Errorf("got %q and length %d, want %q", all, tab.Len(), want)
	}
}

func TestNumbersThatNameNothing(t *testing.T) {
	tab := NewTable[int](1)
	i := tab.Add(7)
	tab.Remove(i)
	for _, bad := range []uint32{0, i, 2, 1<<32 - 1} {
		if tab.Get(bad) != nil {
			t.Errorf("Get(%d) finds something", bad)
		}
		if _, ok := tab.Remove(bad); ok {
			t.Errorf("Remove(%d) finds something", bad)
		}
	}
	if tab.Len() != 0 {
		t.Errorf("length %d", tab.Len())
	}
}

func TestTheZeroTableCountsFromZero(t *testing.T) {
	var tab Table[int]
	if got := tab.Add(5); got != 0 {
		t.Errorf("got %d", got)
	}
}
