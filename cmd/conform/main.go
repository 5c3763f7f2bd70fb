// Command conform runs conformance suites against this project's engines.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// errFailed is a run that found failures; what failed has been printed.
var errFailed = errors.New("failures")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command().ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "conform:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "conform",
		Short:         "Run conformance suites",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(wastCommand(), onnxCommand(), benchCommand(), workerCommand(), onnxWorkerCommand())
	return root
}
