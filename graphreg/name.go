package graphreg

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wasinn/wasinn/backends"
)

// MaxNameLen is the most bytes a graph's name or version may have.
const MaxNameLen = 128

// CheckName says whether name may name a graph: letters and digits of any
// script, and . _ - + after the first character, at most [MaxNameLen] bytes.
// So a name is never a path and never has a version in it. The error is
// *backends.Error with code InvalidArgument.
func CheckName(name string) error { return checkWord("graph name", name) }

// CheckVersion says whether version may follow the @ of a name; the rule is
// that of [CheckName].
func CheckVersion(version string) error { return checkWord("graph version", version) }

func checkWord(what, s string) error {
	switch {
	case s == "":
		return backends.Errorf(backends.InvalidArgument, "%s is empty", what)
	case len(s) > MaxNameLen:
		return backends.Errorf(backends.InvalidArgument, "%s has %d bytes, at most %d are allowed", what, len(s), MaxNameLen)
	case !utf8.ValidString(s):
		return backends.Errorf(backends.InvalidArgument, "%s %q is not UTF-8", what, s)
	}
	for i, r := range s {
		plain := unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'
		if !plain && (i == 0 || !strings.ContainsRune(".-+", r)) {
			return backends.Errorf(backends.InvalidArgument,
				"%s %q: found %q at byte %d, want letters, digits and _, or . - + after the first", what, s, r, i)
		}
	}
	return nil
}

// SplitName takes NAME or NAME@VERSION apart and checks both; version is
// empty when there is no @.
func SplitName(s string) (name, version string, err error) {
	name, version, versioned := strings.Cut(s, "@")
	if err := CheckName(name); err != nil {
		return "", "", err
	}
	if versioned {
		if err := CheckVersion(version); err != nil {
			return "", "", err
		}
	}
	return name, version, nil
}

// CompareVersions orders versions by age, oldest first: any release after any
// pre-release (what has a - in it), then part by part between the dots,
// numbers by value and before words. A leading v and what follows a + do not
// count, save to tell versions apart that are otherwise the same. The empty
// version, that of a graph without one, is the newest: it is what a bare name
// says exactly.
func CompareVersions(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a)) // the empty one is the greater
	}
	ca, pa, isPreA := versionParts(a)
	cb, pb, isPreB := versionParts(b)
	if isPreA != isPreB {
		if isPreA {
			return -1
		}
		return 1
	}
	if c := compareParts(ca, cb); c != 0 {
		return c
	}
	if c := compareParts(pa, pb); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func versionParts(v string) (core, pre []string, isPre bool) {
	if len(v) > 1 && (v[0] == 'v' || v[0] == 'V') && v[1] >= '0' && v[1] <= '9' {
		v = v[1:]
	}
	v, _, _ = strings.Cut(v, "+")
	c, p, isPre := strings.Cut(v, "-")
	if isPre {
		pre = strings.Split(p, ".")
	}
	return strings.Split(c, "."), pre, isPre
}

// compareParts compares part by part; where one list ends, numbers that are
// zero count as nothing (1.0 is 1) and anything else makes it the newer.
func compareParts(a, b []string) int {
	a, b = trimZeros(a), trimZeros(b)
	return slices.CompareFunc(a, b, comparePart)
}

func trimZeros(parts []string) []string {
	for len(parts) > 1 && strings.Trim(parts[len(parts)-1], "0") == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func comparePart(a, b string) int {
	na, nb := isNumber(a), isNumber(b)
	switch {
	case na && nb:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case na != nb && na:
		return -1
	case na != nb:
		return 1
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
