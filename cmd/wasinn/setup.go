package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/pkgfetch"
)

func (a *app) setupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Get an engine",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.setupONNXRuntime())
	return cmd
}

func (a *app) setupONNXRuntime() *cobra.Command {
	var gpu, quiet bool
	cmd := &cobra.Command{
		Use:   "onnxruntime",
		Short: "Get ONNX Runtime " + onnxruntime.Version,
		Long: `Get ONNX Runtime ` + onnxruntime.Version + ` with npm or pip, whichever is installed, check it
against the digests that wasinn knows, and keep its library in the user's cache
folder. What is there already is checked and kept.

The library's path is printed. ` + onnxruntime.LibraryVariable + ` names another library to use,
` + pkgfetch.CacheVariable + ` another cache folder.`,
		Example: `  wasinn setup onnxruntime
  wasinn setup onnxruntime --gpu`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := newProgress(a.stderr, quiet)
			path, err := onnxruntime.Setup(cmd.Context(), onnxruntime.SetupOptions{GPU: gpu, Progress: p.fetch})
			p.end()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, path)
			return err
		},
	}
	cmd.Flags().BoolVar(&gpu, "gpu", false, "get the build with CUDA support, which is much larger")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	return cmd
}
