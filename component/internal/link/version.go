package link

import (
	"cmp"
	"strconv"
	"strings"
)

// version is a parsed interface version.
type version struct {
	major, minor, patch uint64
	pre                 bool // a pre-release, or not a version that can be read
}

// splitVersion splits an interface name at its version: wasi:io/poll@0.2.6.
func splitVersion(name string) (base string, v version, ok bool) {
	base, text, ok := strings.Cut(name, "@")
	if !ok {
		return name, version{}, false
	}
	return base, parseVersion(text), true
}

// parseVersion reads a version, or a track as canonical interface names have
// it: 1, 0.2 or 0.0.3.
func parseVersion(text string) version {
	text, _, _ = strings.Cut(text, "+")
	text, _, pre := strings.Cut(text, "-")
	fields := strings.Split(text, ".")
	track := len(fields) == 1 && fields[0] != "0" || len(fields) == 2 && fields[0] == "0" && fields[1] != "0"
	v := version{pre: pre || len(fields) != 3 && !track}
	for i, p := range []*uint64{&v.major, &v.minor, &v.patch} {
		if i < len(fields) {
			n, err := strconv.ParseUint(fields[i], 10, 64)
			*p, v.pre = n, v.pre || err != nil
		}
	}
	return v
}

// compatible reports whether two versions are of one semver track: the same
// major version, or below 1 the same minor version. Pre-releases and versions
// 0.0.x are compatible with themselves only, which exact matching has seen.
func (v version) compatible(w version) bool {
	if v.pre || w.pre || v.major != w.major {
		return false
	}
	return v.major > 0 || v.minor == w.minor && v.minor > 0
}

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch))
}

// MatchName returns the name among candidates that stands for want: the same
// name, or else the highest version of want's semver track.
func MatchName(want string, candidates []string) (string, bool) {
	base, v, ok := splitVersion(want)
	best, bestVersion := "", version{}
	for _, c := range candidates {
		if c == want {
			return c, true
		}
		if !ok {
			continue
		}
		cb, cv, cok := splitVersion(c)
		if cok && cb == base && v.compatible(cv) && (best == "" || cv.compare(bestVersion) > 0) {
			best, bestVersion = c, cv
		}
	}
	return best, best != ""
}
