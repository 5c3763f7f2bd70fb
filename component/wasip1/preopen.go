package wasip1

import (
	"context"
	"path"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// wazero calls a folder "/" that is granted as ".", where a guest sees in
// every other host, and as a component, the name that was given. The two are not
// the same to it: relative paths begin in ".", absolute ones in "/". So names are
// told from here.

// firstPreopen is the descriptor of the first folder; the others follow.
const firstPreopen = 3

// The errnos of preview 1 that are given here.
const (
	errnoBadf        = 8
	errnoFault       = 21
	errnoNametoolong = 37
)

type preopensKey struct{}

// withPreopens returns the context that a guest with these folders is called
// in.
func withPreopens(ctx context.Context, names []string) context.Context {
	return context.WithValue(ctx, preopensKey{}, names)
}

// unique leaves of the grants with the same name the last one, in the place of
// the first: a guest could not tell them apart.
func unique(grants []grant) []grant {
	var all []grant
	places := map[string]int{}
	for _, g := range grants {
		name := path.Clean("/" + g.guest)
		if isDot(g.guest) {
			name = "."
		}
		if i, ok := places[name]; ok {
			all[i] = g
			continue
		}
		places[name] = len(all)
		all = append(all, g)
	}
	return all
}

func isDot(guest string) bool { return !strings.HasPrefix(guest, "/") && path.Clean(guest) == "." }

// mountPoint is the name that wazero is given instead of a folder's own. It has
// the same length, which is what wazero tells the guest of it, and is not
// taken for "/" when the folder is ".".
func mountPoint(guest string) string {
	if isDot(guest) {
		return strings.Repeat("_", len(guest))
	}
	return guest
}

// hostModule is wazero's wasi_snapshot_preview1 with names of folders from here.
func hostModule(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(wasi_snapshot_preview1.ModuleName)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(b)
	i32 := api.ValueTypeI32
	_, err := b.NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(fdPrestatDirName), []api.ValueType{i32, i32, i32}, []api.ValueType{i32}).
		Export("fd_prestat_dir_name").
		Instantiate(ctx)
	return err
}

// fdPrestatDirName stores a folder's name, for which the buffer has to have room.
//
// See https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_prestat_dir_name
func fdPrestatDirName(ctx context.Context, mod api.Module, stack []uint64) {
	fd, ptr, size := uint32(stack[0]), uint32(stack[1]), uint32(stack[2])
	names, _ := ctx.Value(preopensKey{}).([]string)
	switch i := uint64(fd) - firstPreopen; {
	case fd < firstPreopen || i >= uint64(len(names)):
		stack[0] = errnoBadf
	case uint64(size) < uint64(len(names[i])):
		stack[0] = errnoNametoolong
	case mod.Memory() == nil || !mod.Memory().WriteString(ptr, names[i]):
		stack[0] = errnoFault
	default:
		stack[0] = 0
	}
}
