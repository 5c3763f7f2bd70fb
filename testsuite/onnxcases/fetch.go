package onnxcases

import (
	"archive/zip"
	"context"
	"io"
	"io/fs"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// wheel is ONNX's own Python package, which has all its backend test cases. The
// platform is that of the pinned file, not of this machine: none of its code runs.
var wheel = pkgfetch.Package{Name: "onnx-cases", Version: "1.22.0", Sources: []pkgfetch.Source{{
	Client: pkgfetch.Pip, Name: "onnx", Version: "1.22.0", Platform: "manylinux_2_28_x86_64", Python: "311", ABI: "cp311", Size: 19110720,
	Members: []pkgfetch.Member{{Path: pkgfetch.Whole, Name: "onnx.whl", Size: 19110720,
		SHA256: "1d0a2bdb15eb2b3cb65c438f3423d9620d14fdce32f92380e6bb1b2e09568ef5"}},
}}}

// casesIn is the folder of the cases in the wheel.
const casesIn = "onnx/backend/test/data"

// Official returns the folder of ONNX 1.22's own backend test cases, for [Find]:
// 1,765 of single operators, and those in simple, pytorch-converted,
// pytorch-operator and real. It is read from a package of 19 MB in the user's
// cache, downloaded with pip if it is not there. Errors are those of
// [pkgfetch.Fetcher.Fetch]. The caller closes what it no longer reads.
func Official(ctx context.Context) (fs.FS, io.Closer, error) {
	found, err := pkgfetch.Fetcher{}.Fetch(ctx, wheel)
	if err != nil {
		return nil, nil, err
	}
	z, err := zip.OpenReader(found.Path("onnx.whl"))
	if err != nil {
		return nil, nil, err
	}
	cases, err := fs.Sub(z, casesIn)
	if err != nil {
		return nil, nil, err
	}
	return cases, z, nil
}
