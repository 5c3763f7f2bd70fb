// Command wasinn runs WebAssembly components and modules that use wasi-nn.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/component"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // a second interrupt ends the process at once
		time.Sleep(2 * grace)
		os.Exit(exitInterrupt) // and so does work that cannot be interrupted, such as compiling
	})
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// app is the command with the streams that it uses.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// The exit codes of wasinn itself. wasinn run passes a guest's own code on.
const (
	exitOK      = 0
	exitUsage   = 1 // a flag, an argument or the host's set-up
	exitInvalid = 2 // not a valid component or module
	exitLink    = 3 // an import that this host does not have
	exitTrap    = 4
	exitLimit   = 5
	exitDiffer  = 6 // graph diff: the engines part
)

// exitError carries an exit code to [app.run]. A nil err says nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// withCode gives err an exit code; a nil err stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// codeOf is the exit code that an error stands for.
func codeOf(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitUsage
}

// run runs one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(append([]string{}, args...)) // nil would be the process's own
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil && codeOf(err) == exitUsage {
		err = errInterrupted // whatever it was that ended early
	}
	if e, ok := errors.AsType[*exitError](err); err != nil && (!ok || e.err != nil) {
		fmt.Fprintln(a.stderr, "wasinn:", err)
		printFrames(a.stderr, err)
	}
	return codeOf(err)
}

// printFrames prints the functions that were active when a guest trapped, innermost first.
// What is the guest's word in them is escaped.
func printFrames(w io.Writer, err error) {
	trap, ok := errors.AsType[*component.Trap](err)
	if !ok {
		return
	}
	for i, f := range trap.Frames() {
		fmt.Fprintf(w, "%4d: %s\n", i, f)
	}
}

// noArgs is for commands that only have subcommands.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := ""
	if cmd.SuggestionsMinimumDistance = 2; len(cmd.SuggestionsFor(args[0])) > 0 {
		near = "; is it " + strings.Join(cmd.SuggestionsFor(args[0]), " or ") + "?"
	}
	return fmt.Errorf("%s has no command %q%s: see '%s --help'", cmd.CommandPath(), args[0], near, cmd.CommandPath())
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "wasinn",
		Short: "Run WebAssembly guests that use wasi-nn",
		Long: `wasinn hosts WebAssembly components and preview 1 modules that do machine
learning through wasi-nn. Guests load a model that they bring, or name one that
the host keeps in a registry; the host runs it on ONNX Runtime, or, where that is
not installed, on its engine in pure Go.`,
		Example: `  wasinn doctor
  wasinn run --registry models --dir pictures guest.wasm name digits pictures/7.pgm
  wasinn graph ls --registry models`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: see '%s --help'", err, cmd.CommandPath())
	})
	root.AddCommand(a.runCommand(), a.serveCommand(), a.inspectCommand(), a.graphCommand(), a.setupCommand(), a.doctorCommand(), a.versionCommand())
	strict(root)
	return root
}

// strict has cobra's own commands refuse what they do not know, instead of printing help.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run, cmd.RunE = nil, func(cmd *cobra.Command, args []string) error {
				asked, rest, err := cmd.Root().Find(args)
				if err != nil || len(rest) > 0 {
					return noArgs(asked, args[len(args)-max(len(rest), 1):])
				}
				asked.InitDefaultHelpFlag()
				return asked.Help()
			}
		case "completion":
			cmd.Args, cmd.RunE = noArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}
