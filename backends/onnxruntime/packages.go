package onnxruntime

import (
	"fmt"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// Version of ONNX Runtime that Setup gets. The build with CUDA support is of
// this version by pip, and of 1.29.0 by npm, where that is the newest.
const Version = "1.30.0"

// build is one way to have ONNX Runtime.
type build struct {
	library pkgfetch.Package
	// providers, when it has a name, holds files that belong beside the library.
	providers pkgfetch.Package
}

// buildsFor are the builds for a platform, in order of preference.
func buildsFor(goos, goarch string, gpu bool) ([]build, error) {
	platform := goos + "/" + goarch
	if gpu {
		if platform != "linux/amd64" {
			return nil, fmt.Errorf("no package holds ONNX Runtime with CUDA support for %s: build it, and name the library in %s", platform, LibraryVariable)
		}
		return gpuBuilds, nil
	}
	sources := cpuSources[platform]
	if len(sources) == 0 {
		return nil, fmt.Errorf("no package holds ONNX Runtime %s for %s: build it, and name the library in %s", Version, platform, LibraryVariable)
	}
	return []build{{library: pkgfetch.Package{Name: "onnxruntime", Version: Version, Sources: sources}}}, nil
}

const (
	linuxLibrary  = "libonnxruntime.so.1"
	darwinLibrary = "libonnxruntime.dylib"
)

// cpuSources are the packages that hold the library, npm's first: its package
// holds all platforms, so that one digest covers them.
var cpuSources = map[string][]pkgfetch.Source{
	"linux/amd64": {
		node130("linux/x64/libonnxruntime.so.1", linuxLibrary, 45828512, "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23"),
		{
			Client: pkgfetch.Pip, Name: "onnxruntime", Version: Version, Platform: "manylinux_2_28_x86_64", Python: "312", ABI: "cp312",
			SHA256: "fa688e7891a6aa206636fe7372e27ee75fd17713289f6b4fc7b190e0a7de9328", Size: 23585654,
			Members: []pkgfetch.Member{{Path: "onnxruntime/capi/libonnxruntime.so.1.30.0", Name: linuxLibrary, Size: 28985152,
				SHA256: "c902c70b3003c0e99fada202f37478c515ae9bba7944c2b2abd0017bae0c82ed"}},
		},
	},
	"linux/arm64": {
		node130("linux/arm64/libonnxruntime.so.1", linuxLibrary, 25135496, "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76"),
		{
			Client: pkgfetch.Pip, Name: "onnxruntime", Version: Version, Platform: "manylinux_2_28_aarch64", Python: "312", ABI: "cp312",
			SHA256: "6c32a000d5139a38ba9349030b0032e3331acb559d596b22738d9d2b343a2b83", Size: 21345202,
			Members: []pkgfetch.Member{{Path: "onnxruntime/capi/libonnxruntime.so.1.30.0", Name: linuxLibrary, Size: 25135496,
				SHA256: "8a218e1e446880131115c368ec7005969a5022af9a15a26173de648fef0b7789"}},
		},
	},
	"darwin/arm64": {
		node130("darwin/arm64/libonnxruntime.1.30.0.dylib", darwinLibrary, 44589928, "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d"),
		{
			Client: pkgfetch.Pip, Name: "onnxruntime", Version: Version, Platform: "macosx_14_0_arm64", Python: "312", ABI: "cp312",
			SHA256: "001ed726c9bd5e2bc92faade7d37d889e9606a350b7d5529f0227df2e3bb57fd", Size: 21544867,
			Members: []pkgfetch.Member{{Path: "onnxruntime/capi/libonnxruntime.1.30.0.dylib", Name: darwinLibrary, Size: 33209560,
				SHA256: "b46713ea6a25a5227541c21001f6422c1ccdeaecc369aa026a61b752520325c3"}},
		},
	},
}

func node130(path, name string, size int64, sha256 string) pkgfetch.Source {
	return pkgfetch.Source{
		Client: pkgfetch.NPM, Name: "onnxruntime-node", Version: Version,
		SHA256: "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75", Size: 113507888,
		Members: []pkgfetch.Member{{Path: "package/bin/napi-v6/" + path, Name: name, SHA256: sha256, Size: size}},
	}
}

const (
	sharedProvider = "libonnxruntime_providers_shared.so"
	cudaLibrary    = "libonnxruntime_providers_cuda.so"
)

// gpuBuilds need CUDA 13 and cuDNN 9.
var gpuBuilds = []build{
	{
		library: pkgfetch.Package{Name: "onnxruntime-gpu", Version: Version, Sources: []pkgfetch.Source{{
			Client: pkgfetch.Pip, Name: "onnxruntime-gpu", Version: Version, Platform: "manylinux_2_28_x86_64", Python: "312", ABI: "cp312",
			SHA256: "6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1", Size: 246685715,
			Members: []pkgfetch.Member{
				{Path: "onnxruntime/capi/libonnxruntime.so.1.30.0", Name: linuxLibrary, Size: 29062976,
					SHA256: "5a140dc17c8b60b35b2ceab0bb533e65ac54f06a208948417c1f9c31df6afc4c"},
				{Path: "onnxruntime/capi/" + sharedProvider, Name: sharedProvider, Size: 14632,
					SHA256: "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d"},
				{Path: "onnxruntime/capi/" + cudaLibrary, Name: cudaLibrary, Size: 272049904,
					SHA256: "35da2e7ed0dd0d1aec5cdb16ce11a51d06c0c48cf62d1b1c9332946a4fae14fc"},
			},
		}}},
	},
	{
		library: pkgfetch.Package{Name: "onnxruntime-for-gpu", Version: "1.29.0", Sources: []pkgfetch.Source{{
			Client: pkgfetch.NPM, Name: "onnxruntime-node", Version: "1.29.0",
			SHA256: "cfdfb45ec4044b1fdca43e5d2e180fb6817e649ff8ad1e0dfc90e18e51b67037", Size: 111735068,
			Members: []pkgfetch.Member{{Path: "package/bin/napi-v6/linux/x64/libonnxruntime.so.1", Name: linuxLibrary, Size: 44726808,
				SHA256: "89688f5cf51c7e31befbb7b9101bc027799009b18d1baa9a5b1146a72e69538d"}},
		}}},
		providers: pkgfetch.Package{Name: "onnxruntime-providers-cuda", Version: "1.29.0", Sources: []pkgfetch.Source{{
			Client: pkgfetch.NPM, Name: "com.github.asus4.onnxruntime.linux-x64-gpu", Version: "0.4.9",
			SHA256: "2b459e0c17f340c92970c10ed86de4f37a3009f93c14053e6ad4334cbb6be412", Size: 179145956,
			Members: []pkgfetch.Member{
				{Path: "package/Plugins/Linux/x64/" + sharedProvider, Name: sharedProvider, Size: 14632,
					SHA256: "c6a12593396095f5670160e284c35d1700b7708cf3037b7042e2a5200ccae772"},
				{Path: "package/Plugins/Linux/x64/" + cudaLibrary, Name: cudaLibrary, Size: 229780440,
					SHA256: "56cf3254b118ad837ccc4ed8f6d1b23504bbf7ef91b34cbc0b289cb7f10b3037"},
			},
		}}},
	},
}
