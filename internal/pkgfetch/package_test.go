package pkgfetch

import (
	"strings"
	"testing"
)

func TestValidateRefusesWhatAClientWouldReadOtherwise(t *testing.T) {
	good := member("package/m", "m", "x")
	for _, test := range []struct {
		name   string
		change func(p *Package)
		want   string // part of the error; empty: accepted
	}{
		{"as it is", func(*Package) {}, ""},
		{"scoped npm name", func(p *Package) { p.Sources[0].Name = "@a-b/c.d" }, ""},
		{"pre-release", func(p *Package) { p.Sources[0].Version = "1.0.0-rc.1+x" }, ""},
		{"no sources", func(p *Package) { p.Sources = nil }, "no sources"},
		{"cache name that climbs", func(p *Package) { p.Name = ".." }, "one plain path element"},
		{"cache name with a slash", func(p *Package) { p.Name = "a/b" }, "one plain path element"},
		{"cache version that hides", func(p *Package) { p.Version = ".1" }, "one plain path element"},
		{"unknown client", func(p *Package) { p.Sources[0].Client = "cargo" }, "want npm or pip"},
		{"name is an option", func(p *Package) { p.Sources[0].Name = "--registry" }, "not a package name"},
		{"name is an address", func(p *Package) { p.Sources[0].Name = "git+ssh://x/y" }, "not a package name"},
		{"name is a folder", func(p *Package) { p.Sources[0].Name = "../x" }, "not a package name"},
		{"pip name with an extra", func(p *Package) { p.Sources[0].Client, p.Sources[0].Name = Pip, "a[b]" }, "not a package name"},
		{"version is a range", func(p *Package) { p.Sources[0].Version = "^1.0.0" }, "not one exact version"},
		{"version is a tag", func(p *Package) { p.Sources[0].Version = "latest" }, "not one exact version"},
		{"version with more behind", func(p *Package) { p.Sources[0].Version = "1.0 --pre" }, "not one exact version"},
		{"platform is an option", func(p *Package) { p.Sources[0].Platform = "--pre" }, "want wheel tags"},
		{"short archive digest", func(p *Package) { p.Sources[0].SHA256 = "abc" }, "64 lower-case"},
		{"no members", func(p *Package) { p.Sources[0].Members = nil }, "0 members"},
		{"member without digest", func(p *Package) { p.Sources[0].Members[0].SHA256 = "" }, "64 lower-case"},
		{"member name climbs", func(p *Package) { p.Sources[0].Members[0].Name = "../m" }, "leave the cache folder"},
		{"member name is absolute", func(p *Package) { p.Sources[0].Members[0].Name = "/m" }, "leave the cache folder"},
		{"member name of Windows", func(p *Package) { p.Sources[0].Members[0].Name = `..\m` }, "leave the cache folder"},
		{"member name is the folder", func(p *Package) { p.Sources[0].Members[0].Name = "." }, "leave the cache folder"},
		{"member twice", func(p *Package) { p.Sources[0].Members = []Member{good, good} }, "named twice"},
		{"negative size", func(p *Package) { p.Sources[0].Members[0].Size = -1 }, "size is -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Package{Name: "p", Version: "1", Sources: []Source{{Client: NPM, Name: "p", Version: "1.0.0", Members: []Member{good}}}}
			test.change(&p)
			err := p.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}
