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
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return seeHelp(cmd, err) })
	root.AddCommand(wastCommand(), onnxCommand(), benchCommand(), memoryCommand(), workerCommand(), onnxWorkerCommand())
	return root
}

// seeHelp adds to an error where help is.
func seeHelp(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w: see '%s --help'", err, cmd.CommandPath())
}

// exactly says how many arguments a command takes.
func exactly(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := args(cmd, given); err != nil {
			return seeHelp(cmd, err)
		}
		return nil
	}
}

// checkFolder says what is wrong with a folder that was named.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is a file, expected a folder", dir)
	}
	return err
}
