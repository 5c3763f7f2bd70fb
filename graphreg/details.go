package graphreg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"path/filepath"

	"github.com/wasinn/wasinn/backends"
)

// FileDetails is one file of an entry as it is on the disk now.
type FileDetails struct {
	Path   string // as the host's other programs would open it
	Size   int64  // in bytes; 0 when the file is not there
	SHA256 string // of the contents, in hexadecimal; empty unless asked for
}

// Details looks at the entry's files, and reads them when digests is set. The
// error is *backends.Error, of the first file that cannot be looked at or read; the others are
// in the list all the same.
func (e Entry) Details(ctx context.Context, digests bool) ([]FileDetails, error) {
	list := make([]FileDetails, len(e.Files))
	for i, f := range e.Files {
		list[i].Path = filepath.FromSlash(f.Path)
		if e.folder != "" {
			list[i].Path = filepath.Join(e.folder, list[i].Path)
		}
	}
	var first *backends.Error
	next := 0
	err := e.eachFile(func(f File, open opener) error {
		d := &list[next]
		next++
		err := d.look(ctx, f, open, digests)
		if err != nil && first == nil {
			first = backends.Annotate(err, "file %q", filepath.Base(f.Path))
		}
		return nil
	})
	if err == nil && first != nil {
		err = first
	}
	return list, err
}

func (d *FileDetails) look(ctx context.Context, f File, open opener, digest bool) error {
	info, err := open.Stat(f.Path)
	if err != nil {
		return fileError(err)
	}
	d.Size = info.Size()
	if !digest {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b, _, err := readFile(open, File{Path: f.Path}, math.MaxUint64)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	d.SHA256 = hex.EncodeToString(sum[:])
	return nil
}
