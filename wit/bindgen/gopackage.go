package bindgen

import (
	"fmt"
	"path"
	"strings"

	"go.bytecodealliance.org/wit"
)

// goPackage is where an interface's bindings lie.
type goPackage struct {
	path       string // below the root, such as wasi/io/streams
	name       string // such as streams
	importPath string
}

// place gives every interface of r its package. Two interfaces in one place are
// an error: two released versions of a package, say.
func (g *generator) place(r *wit.Resolve) error {
	at := map[string]*wit.Interface{}
	for _, i := range r.Interfaces {
		if i.Name == nil {
			continue
		}
		id := i.Package.Name
		name := packageName(i)
		p := path.Join(id.Namespace, id.Package, versionElement(id), name)
		if other := at[p]; other != nil {
			return fmt.Errorf("%s and %s would both be generated as %s: generate them one at a time", interfaceName(other), interfaceName(i), p)
		}
		at[p] = i
		g.packages[i] = &goPackage{path: p, name: name, importPath: g.cfg.Root + "/" + p}
	}
	return nil
}

// imports are the imports of one file.
type imports struct {
	byPath map[string]string // path -> name in the file
	names  map[string]bool
}

// standard are the names that generated files import without renaming; no
// other package may take them.
var standard = []string{"abi", "component", "context", "errors", "strconv", "strings", "types"}

func newImports() imports {
	im := imports{byPath: map[string]string{}, names: map[string]bool{}}
	for _, n := range standard {
		im.names[n] = true
	}
	return im
}

// support imports a package under its own name.
func (im *imports) support(importPath string) string {
	name := path.Base(importPath)
	im.byPath[importPath] = name
	return name
}

// bindings imports the package of another interface. Its name is the package's
// own, or with the WIT package's name before it where that is taken: nnerrors.
func (im *imports) bindings(p *goPackage, i *wit.Interface) string {
	if name, ok := im.byPath[p.importPath]; ok {
		return name
	}
	name := p.name
	if im.names[name] {
		name = strings.ReplaceAll(i.Package.Name.Package, "-", "") + name
	}
	for im.names[name] {
		name += "_"
	}
	im.names[name] = true
	im.byPath[p.importPath] = name
	return name
}
