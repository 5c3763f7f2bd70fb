package pkgfetch

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// NoClientError says that none of the clients which a package could be
// downloaded with is installed.
type NoClientError struct {
	Package string
	Clients []Client // each once, in the package's order
}

// Error names the clients and what to install.
func (e *NoClientError) Error() string {
	how := make([]string, len(e.Clients))
	for i, c := range e.Clients {
		switch c {
		case NPM:
			how[i] = "Node.js with npm"
		case Pip:
			how[i] = "Python 3 with pip"
		}
	}
	return fmt.Sprintf("%s: no package client found on PATH: install %s, and try again", e.Package, strings.Join(how, " or "))
}

// DigestError says that something is not what was pinned.
type DigestError struct {
	What        string // the archive or the member
	Found, Want string // SHA-256 in hexadecimal
}

// Error names both digests.
func (e *DigestError) Error() string {
	return fmt.Sprintf("%s: sha256 is %s, want %s: the registry or mirror serves another file than the one pinned", e.What, e.Found, e.Want)
}

// ClientError says that a package client ran and ended with an error.
type ClientError struct {
	Command string // as run
	Stderr  string // the end of what it wrote to its standard error
	Err     error  // as from os/exec
}

// Error holds the command and the end of its standard error.
func (e *ClientError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %v:\n\t%s", e.Command, e.Err, strings.ReplaceAll(e.Stderr, "\n", "\n\t"))
}

// Unwrap returns Err.
func (e *ClientError) Unwrap() error { return e.Err }

// ArchiveError says that a downloaded archive does not hold a member as it
// was described.
type ArchiveError struct {
	Member string // path in the archive; empty for the archive as a whole
	Reason string
}

// Error names the member and the reason.
func (e *ArchiveError) Error() string {
	if e.Member == "" {
		return "archive: " + e.Reason
	}
	return fmt.Sprintf("archive: member %q: %s", e.Member, e.Reason)
}

// ErrNoSpace is in the chain of every error that comes from a full disk.
var ErrNoSpace = errors.New("no space left on the cache's disk: free some, or name a folder on another disk in " + CacheVariable)

// withSpace adds ErrNoSpace to an error that comes from a full disk, of this
// process or of the client.
func withSpace(err error) error {
	if err == nil || errors.Is(err, ErrNoSpace) {
		return err
	}
	var client *ClientError
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	if errors.As(err, &client) {
		full = full || strings.Contains(client.Stderr, "ENOSPC") || strings.Contains(strings.ToLower(client.Stderr), "no space left on device")
	}
	if full {
		return fmt.Errorf("%w (%w)", err, ErrNoSpace)
	}
	return err
}
