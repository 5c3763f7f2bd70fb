// Package leaks measures what a process holds, for tests that do a thing thousands of
// times and expect that nothing stays.
package leaks

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Held is what a process holds. What the system does not tell is 0.
type Held struct {
	// Heap is Go's, Resident all memory of the process, in bytes.
	Heap, Resident int64
	// Files are open file descriptors, Mappings are ranges of address space.
	Files, Mappings, Goroutines int64
}

// Measure collects garbage and counts.
func Measure() Held {
	var m runtime.MemStats
	for range 3 { // finalizers of the first round make garbage of more
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	runtime.ReadMemStats(&m)
	h := Held{Heap: int64(m.HeapAlloc), Goroutines: int64(runtime.NumGoroutine())}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.Files = int64(len(files))
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		h.Mappings = int64(strings.Count(string(maps), "\n"))
	}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			h.Resident = pages * int64(os.Getpagesize())
		}
	}
	return h
}

// Growth is how much more may be held behind n repetitions than before them: less than
// anything that n of them each leave behind.
type Growth struct{ Heap, Resident, Files, Mappings, Goroutines int64 }

// Slack is what a process may grow by for other reasons than a leak, while it does
// something some thousand times: pools fill, Go's heap and the system's breathe.
func Slack() Growth {
	return Growth{Heap: 4 << 20, Resident: 64 << 20, Files: 8, Mappings: 64, Goroutines: 8}
}

// Exceeded says what has grown by more than g allows; "" when nothing has.
func (g Growth) Exceeded(before, after Held) string {
	var all []string
	for _, c := range []struct {
		what                   string
		before, after, allowed int64
	}{
		{"bytes of Go's heap", before.Heap, after.Heap, g.Heap},
		{"bytes of resident memory", before.Resident, after.Resident, g.Resident},
		{"files", before.Files, after.Files, g.Files},
		{"memory mappings", before.Mappings, after.Mappings, g.Mappings},
		{"goroutines", before.Goroutines, after.Goroutines, g.Goroutines},
	} {
		if c.after-c.before > c.allowed {
			all = append(all, fmt.Sprintf("%d %s before, %d after", c.before, c.what, c.after))
		}
	}
	return strings.Join(all, "; ")
}
