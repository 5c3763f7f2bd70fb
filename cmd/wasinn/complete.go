package main

import (
	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
)

// completeFiles completes files with one of the extensions, and folders.
func completeFiles(extensions ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

// words completes one of some words.
func words(list ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func gpuModes() []string {
	return []string{onnxruntime.GPUOff.String(), onnxruntime.GPUPrefer.String(), onnxruntime.GPURequire.String()}
}

// register tells shells how to complete the values of flags; a flag that is not
// there is a mistake of the program.
func register(cmd *cobra.Command, completions map[string]cobra.CompletionFunc) {
	for flag, f := range completions {
		if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
			panic(err)
		}
	}
}

func (f *nnFlags) complete(cmd *cobra.Command) {
	register(cmd, map[string]cobra.CompletionFunc{
		"backend":  words(append([]string{backends.Auto}, backendNames()...)...),
		"gpu":      words(gpuModes()...),
		"registry": folders,
	})
}

func (f *runFlags) complete(cmd *cobra.Command) {
	f.completeGuest(cmd)
	register(cmd, map[string]cobra.CompletionFunc{"witx-abi": words("auto", "2021", "2023")})
}

// completeGuest completes the flags of all commands that run guests.
func (f *runFlags) completeGuest(cmd *cobra.Command) {
	f.nnFlags.complete(cmd)
	var engines []string
	for _, e := range engineNames() {
		engines = append(engines, e.String())
	}
	register(cmd, map[string]cobra.CompletionFunc{
		"engine":            words(engines...),
		"encoding-override": words(string(backends.ONNX), string(backends.Autodetect)),
		"dir":               folders,
		"dir-ro":            folders,
		"cache":             folders,
	})
}
