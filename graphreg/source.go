package graphreg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// Source says which graphs there are. Its methods are safe for concurrent use.
type Source interface {
	// Entries lists the graphs, in no order. What cannot be listed is left out
	// and joined into the error; the rest is listed all the same.
	Entries() ([]Entry, error)
	// Versions lists the graphs called name, in no order; it is empty when
	// there are none.
	Versions(name string) ([]Entry, error)
}

// Static is a source of entries given one by one, as by flags.
func Static(entries ...Entry) (Source, error) {
	seen := map[string]bool{}
	for _, e := range entries {
		if err := e.check(); err != nil {
			return nil, err
		}
		if seen[e.FullName()] {
			return nil, backends.Errorf(backends.InvalidArgument, "graph %q is named twice", e.FullName())
		}
		seen[e.FullName()] = true
	}
	return static(slices.Clone(entries)), nil
}

type static []Entry

func (s static) Entries() ([]Entry, error) { return s, nil }

func (s static) Versions(name string) ([]Entry, error) { return named(s, name), nil }

func named(entries []Entry, name string) []Entry {
	var found []Entry
	for _, e := range entries {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// Dir is a source of the graphs in a folder: NAME/model.onnx,
// NAME/VERSION/model.onnx, or those that the folder's registry.json lists. The
// folder is looked at anew each time, so what is put there is found without a
// restart. Nothing outside the folder is read, not even through links.
//
// The error says that the folder is not there, or what its manifest has wrong.
func Dir(folder string) (Source, error) {
	d := &dir{folder: folder}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("registry %q: %w", folder, err)
	}
	defer root.Close()
	if _, _, err := d.manifest(root); err != nil {
		return nil, fmt.Errorf("registry %q: %w", folder, err)
	}
	return d, nil
}

type dir struct{ folder string }

// manifest returns the folder's manifest, if it has one.
func (d *dir) manifest(root *os.Root) (*Manifest, bool, error) {
	b, _, err := readFile(root, File{Path: ManifestFile}, maxManifest)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, nil
		}
		return nil, false, backends.Annotate(err, "%s", ManifestFile)
	}
	m, err := ParseManifest(b, d.folder)
	if err != nil {
		return nil, false, backends.Annotate(err, "%s", ManifestFile)
	}
	return m, true, nil
}

func (d *dir) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.folder)
	if err != nil {
		return nil, backends.Annotate(fileError(err), "the registry's folder")
	}
	return root, nil
}

func (d *dir) Entries() ([]Entry, error) {
	root, err := d.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m, ok, err := d.manifest(root)
	if err != nil || ok {
		return entriesOf(m), err
	}
	names, err := subfolders(root, ".")
	if err != nil {
		return nil, err
	}
	var all []Entry
	var errs []error
	for _, name := range names {
		found, err := d.scan(root, name)
		all, errs = append(all, found...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func entriesOf(m *Manifest) []Entry {
	if m == nil {
		return nil
	}
	return m.Graphs
}

func (d *dir) Versions(name string) ([]Entry, error) {
	root, err := d.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	m, ok, err := d.manifest(root)
	if err != nil || ok {
		return named(entriesOf(m), name), err
	}
	return d.scan(root, name)
}

// scan finds NAME/model.onnx and NAME/VERSION/model.onnx.
func (d *dir) scan(root *os.Root, name string) ([]Entry, error) {
	if CheckName(name) != nil {
		return nil, nil // a folder that can be no graph, such as .git
	}
	var found []Entry
	if isModel(root, partPath(name, ModelFile)) {
		found = append(found, d.entry(name, "", partPath(name, ModelFile)))
	}
	if info, err := root.Stat(name); err != nil || !info.IsDir() {
		return found, nil // not there, a link out of the folder, or no folder
	}
	versions, err := subfolders(root, name)
	if err != nil {
		return found, backends.Annotate(err, "graph %q", name)
	}
	for _, v := range versions {
		if CheckVersion(v) == nil && isModel(root, partPath(name, v, ModelFile)) {
			found = append(found, d.entry(name, v, partPath(name, v, ModelFile)))
		}
	}
	return found, nil
}

func isModel(root *os.Root, path string) bool {
	info, err := root.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (d *dir) entry(name, version, path string) Entry {
	return Entry{Name: name, Version: version, Encoding: backends.ONNX, Files: []File{{Path: path}}, folder: d.folder}
}

// subfolders lists the names of path's entries that are folders or links,
// which may be links to folders; hidden ones are left out.
func subfolders(root *os.Root, path string) ([]string, error) {
	f, err := root.Open(path)
	if err != nil {
		return nil, fileError(err)
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	if err != nil {
		return nil, fileError(err)
	}
	var names []string
	for _, e := range list {
		if (e.IsDir() || e.Type()&fs.ModeSymlink != 0) && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
