package corebin

import (
	"strconv"
	"strings"
)

// FrameName makes a name to show of a line of wazero's stack trace, such as
//
//	.$71(i32) i32          function 70
//	guest.parse(i32,i32)   function "parse"
//
// Functions without a name in the module's name section have their index
// instead, which ticks have moved by one.
func FrameName(line string, ticks bool) string {
	name := strings.TrimSpace(line)
	// The types of parameters and results follow the name, without blanks in
	// the parameters.
	if i := strings.LastIndex(name, ") "); i >= 0 {
		name = name[:i+1]
	}
	if strings.HasSuffix(name, ")") {
		if i := strings.LastIndexByte(name, '('); i >= 0 {
			name = name[:i]
		}
	}
	_, name, _ = strings.Cut(name, ".")
	if digits, ok := strings.CutPrefix(name, "$"); ok {
		if index, err := strconv.ParseUint(digits, 10, 32); err == nil {
			if ticks && index > 0 {
				index--
			}
			return "function " + strconv.FormatUint(index, 10)
		}
	}
	return "function " + strconv.Quote(name)
}
