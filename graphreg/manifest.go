package graphreg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/wasinn/wasinn/backends"
)

// ManifestFile is the name of a registry folder's manifest. A folder that has
// one serves the graphs it lists and no others.
const ManifestFile = "registry.json"

// maxManifest is the largest manifest that is read, in bytes.
const maxManifest = 4 << 20

// Manifest is what registry.json holds:
//
//	{"graphs": [{
//	  "name": "digits", "version": "1.2.0",
//	  "path": "digits/model.onnx", "sha256": "...",
//	  "encoding": "onnx", "backend": "onnxruntime", "target": "cpu",
//	  "intra-op-threads": 2, "inter-op-threads": 1, "preload": true
//	}]}
//
// Everything but name and path may be left out. A model of several files has
// "files": [{"path": ..., "sha256": ...}, ...] in place of path and sha256.
// Paths are relative to the manifest's folder and do not leave it.
type Manifest struct {
	Graphs []Entry
}

// manifestGraph is one graph as JSON spells it.
type manifestGraph struct {
	Name           string         `json:"name"`
	Version        string         `json:"version"`
	Backend        string         `json:"backend"`
	Encoding       string         `json:"encoding"`
	Target         string         `json:"target"`
	Threads        *int           `json:"threads"`
	IntraOpThreads *int           `json:"intra-op-threads"`
	InterOpThreads *int           `json:"inter-op-threads"`
	Path           string         `json:"path"`
	SHA256         string         `json:"sha256"`
	Files          []manifestFile `json:"files"`
	Preload        bool           `json:"preload"`
}

type manifestFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// ParseManifest reads a manifest. It takes no unknown keys, no graph twice and
// nothing after the end. folder is where the files are.
func ParseManifest(data []byte, folder string) (*Manifest, error) {
	if len(data) > maxManifest {
		return nil, backends.Errorf(backends.TooLarge, "found %d bytes, at most %d are read", len(data), maxManifest)
	}
	var raw struct {
		Graphs []manifestGraph `json:"graphs"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return nil, backends.Errorf(backends.InvalidArgument, "at byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, backends.Errorf(backends.InvalidArgument, "at byte %d: found more after the manifest's end", dec.InputOffset())
	}
	m := &Manifest{}
	seen := map[string]bool{}
	for i, g := range raw.Graphs {
		e, err := g.entry(folder)
		if err != nil {
			return nil, fmt.Errorf("graphs[%d]: %w", i, err)
		}
		if full := e.FullName(); seen[full] {
			return nil, backends.Errorf(backends.InvalidArgument, "graphs[%d]: graph %q is there twice", i, full)
		}
		seen[e.FullName()] = true
		m.Graphs = append(m.Graphs, e)
	}
	return m, nil
}

func (g manifestGraph) entry(folder string) (Entry, error) {
	e := Entry{Name: g.Name, Version: g.Version, Backend: g.Backend, Preload: g.Preload, folder: folder}
	var err error
	if e.Encoding, err = ParseEncoding(g.Encoding); err != nil {
		return Entry{}, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	if e.Target, err = ParseTarget(g.Target); err != nil {
		return Entry{}, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	if g.Threads != nil && g.IntraOpThreads != nil {
		return Entry{}, backends.Errorf(backends.InvalidArgument, "graph %q: threads and intra-op-threads say the same; give one", g.Name)
	}
	for _, t := range []struct {
		from *int
		to   *int
	}{{g.Threads, &e.IntraOpThreads}, {g.IntraOpThreads, &e.IntraOpThreads}, {g.InterOpThreads, &e.InterOpThreads}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	if e.Files, err = g.files(); err != nil {
		return Entry{}, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	return e, e.check()
}

func (g manifestGraph) files() ([]File, error) {
	if len(g.Files) == 0 {
		if g.Path == "" {
			return nil, backends.Errorf(backends.InvalidArgument, "no file is named; give a path")
		}
		return []File{{Path: g.Path, SHA256: g.SHA256}}, nil
	}
	if g.Path != "" || g.SHA256 != "" {
		return nil, backends.Errorf(backends.InvalidArgument, "found files and path or sha256 beside it; give one or the other")
	}
	files := make([]File, len(g.Files))
	for i, f := range g.Files {
		files[i] = File(f)
	}
	return files, nil
}
