package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/internal/pkgfetch"
)

func (a *app) doctorCommand() *cobra.Command {
	var f nnFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what wasinn finds here, and how to get what is missing",
		Long: `Say what wasinn finds on this machine: the library of ONNX Runtime and what it can
do, the processor, the GPU, the cache; and how to get what is missing.

The exit status is 0 when guests can use wasi-nn, which the engine in pure Go makes sure
of, and 1 when --gpu require asks for what there is not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.onnxConfig(a)
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			a.describeHost(t)
			usable := describeONNXRuntime(cmd, t, cfg)
			fmt.Fprintf(t, "gorgonia\tyes: pure Go, kernels for %s\n", gorgonia.Kernels())
			if err := t.Flush(); err != nil {
				return err
			}
			if !usable && cfg.GPU == onnxruntime.GPURequire {
				return &exitError{code: exitUsage}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&f.gpu, "gpu", onnxruntime.GPUPrefer.String(), "`MODE` off: do not try the GPU; prefer: try it; require: be unwell without one")
	register(cmd, map[string]cobra.CompletionFunc{"gpu": words(gpuModes()...)})
	return cmd
}

// describeHost writes what does not depend on any engine.
func (a *app) describeHost(w io.Writer) {
	fmt.Fprintf(w, "wasinn\t%s, %s\n", version(), runtime.Version())
	fmt.Fprintf(w, "system\t%s/%s, %d CPUs\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(w, "CPU features\t%s\n", cpuFeatures())
	how := "WebAssembly is compiled to machine code"
	if !compiles() {
		how = "WebAssembly is interpreted: there is no compiler for this system"
	}
	fmt.Fprintf(w, "engine\t%s\n", how)
	memory := byteSize(component.DefaultMemoryLimit)
	fmt.Fprintf(w, "limits\t%s of memory, %d handles, %v; wasinn run has flags for them\n", &memory, component.DefaultHandleLimit, defaultTimeout)
	describeCache(w)
}

// compiles tells whether wazero has a compiler for this system.
func compiles() bool {
	switch runtime.GOARCH {
	case "amd64":
		return cpu.X86.HasSSE41
	case "arm64":
		return true
	}
	return false
}

func describeCache(w io.Writer) {
	root, err := pkgfetch.CacheRoot()
	if err != nil {
		fmt.Fprintf(w, "cache\tnone: %v\n", err)
		return
	}
	state := ""
	if err := writable(root); err != nil {
		state = fmt.Sprintf("; it cannot be written: %v: name another folder in %s", err, pkgfetch.CacheVariable)
	}
	files, size := folderSize(root)
	fmt.Fprintf(w, "cache\t%s, %d files, %s%s\n", root, files, megabytes(size), state)
	if dir, err := compiledDir(); err == nil {
		files, size := folderSize(dir)
		fmt.Fprintf(w, "compiled code\t%d files, %s\n", files, megabytes(size))
	}
}

// cpuFeatures are those that engines make use of.
func cpuFeatures() string {
	var list []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"SSE4.1", cpu.X86.HasSSE41}, {"AVX", cpu.X86.HasAVX}, {"AVX2", cpu.X86.HasAVX2}, {"FMA", cpu.X86.HasFMA},
		{"AVX-512", cpu.X86.HasAVX512F}, {"AVX-512 VNNI", cpu.X86.HasAVX512VNNI}, {"AMX", cpu.X86.HasAMXTile},
		{"NEON", cpu.ARM64.HasASIMD}, {"dot product", cpu.ARM64.HasASIMDDP}, {"FP16", cpu.ARM64.HasASIMDHP}, {"SVE", cpu.ARM64.HasSVE},
	} {
		if f.has {
			list = append(list, f.name)
		}
	}
	if len(list) == 0 {
		return "none known"
	}
	return strings.Join(list, ", ")
}

// describeONNXRuntime tells whether models can be run.
func describeONNXRuntime(cmd *cobra.Command, w io.Writer, cfg onnxruntime.Config) bool {
	cfg.Warn = func(string) {} // the table says it
	b, err := onnxruntime.New(cfg)
	if err != nil {
		fmt.Fprintf(w, "onnxruntime\tno: %v\n", err)
		return false
	}
	info, err := b.Info(cmd.Context())
	if err != nil {
		fmt.Fprintf(w, "onnxruntime\tno: %v\n", err)
		if missing, ok := errors.AsType[*onnxruntime.NoLibraryError](err); ok && missing.Path == "" {
			describeClients(w)
		}
		return false
	}
	fmt.Fprintf(w, "onnxruntime\t%s, API %d\n", info.Version, info.APIVersion)
	fmt.Fprintf(w, "library\t%s (%s)\n", info.Library, info.Source)
	fmt.Fprintf(w, "providers\t%s\n", strings.Join(info.Providers, ", "))
	fmt.Fprintf(w, "threads\t%d within an operator, %d between operators\n", info.IntraOpThreads, info.InterOpThreads)
	switch {
	case cfg.GPU == onnxruntime.GPUOff:
		fmt.Fprintf(w, "GPU\tnot tried\n")
	case info.GPU != nil:
		fmt.Fprintf(w, "GPU\tno: %v\n", info.GPU)
	default:
		fmt.Fprintf(w, "GPU\tyes, with CUDA\n")
	}
	return cfg.GPU != onnxruntime.GPURequire || info.GPU == nil
}

// describeClients says which package clients could get the library.
func describeClients(w io.Writer) {
	for _, c := range []struct{ name, program string }{{"npm", "npm"}, {"pip", "python3"}} {
		state := "found: wasinn setup onnxruntime can use it"
		if _, err := exec.LookPath(c.program); err != nil {
			state = "not found"
		}
		fmt.Fprintf(w, "%s\t%s\n", c.name, state)
	}
}
