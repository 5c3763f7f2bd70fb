package onnxload

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// AvailableMemory is how many bytes of memory this process may come to use: the
// machine's, or its container's when that is less. It is 0 where the system does
// not say it in Linux's way.
func AvailableMemory() int64 {
	least := int64(math.MaxInt64)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		least = min(least, memTotal(string(b)))
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(file); err == nil {
			least = min(least, positive(strings.TrimSpace(string(b))))
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// memTotal reads the line "MemTotal: N kB".
func memTotal(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			if kb := positive(fields[1]); kb < math.MaxInt64/1024 {
				return kb * 1024
			}
		}
	}
	return math.MaxInt64
}

// positive reads a positive number; anything else is no limit.
func positive(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return math.MaxInt64
	}
	return n
}
