package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/types"
)

func (a *app) inspectCommand() *cobra.Command {
	var stage string
	var names []string
	for _, s := range component.Stages() {
		names = append(names, string(s))
	}
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Describe a component, a core module or an ONNX model",
		Long: `Describe a file without running it: a component, a core module or an ONNX model.

A component is shown as far as a stage brings it: decode lists its definitions
with their offsets, validate says whether it is valid, plan lists the steps by
which it is instantiated, wit its imports and exports.

The exit status is 2 when the file is none of these, or is not valid.`,
		Example: `  wasinn inspect guest.wasm
  wasinn inspect --stage plan guest.wasm
  wasinn inspect model.onnx`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles("wasm", "onnx"),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(names, stage) {
				return fmt.Errorf("--stage %s: expected %s", stage, strings.Join(names, ", "))
			}
			b, err := readFile(args[0], maxGuestBytes)
			if err != nil {
				return err
			}
			text, err := inspect(b, component.Stage(stage))
			if err != nil {
				return withCode(exitInvalid, fmt.Errorf("%s: %w", args[0], err))
			}
			_, err = io.WriteString(a.stdout, text)
			return err
		},
	}
	cmd.Flags().StringVar(&stage, "stage", string(component.StageWIT), "how far to take a component, by `NAME`: "+strings.Join(names, ", "))
	register(cmd, map[string]cobra.CompletionFunc{"stage": words(names...)})
	return cmd
}

// inspect describes a file; the error says that it is not valid.
func inspect(b []byte, stage component.Stage) (string, error) {
	var text strings.Builder
	switch {
	case component.IsComponent(b):
		return component.Inspect(b, stage)
	case component.IsModule(b):
		m, err := component.ParseModule(b)
		if err != nil {
			return "", err
		}
		err = writeModule(&text, m)
		return text.String(), err
	case backends.IsONNX(b):
		m, err := readONNX(b)
		if err != nil {
			return "", err
		}
		err = m.write(&text)
		return text.String(), err
	}
	return "", errors.New("it is neither a component nor a core module nor an ONNX model: it is " + kindOf(b))
}

func writeModule(w io.Writer, m *component.Module) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, text := range m.Memories() {
		fmt.Fprintf(t, "memory %d\t\t%s\n", i, strings.TrimPrefix(text, "memory "))
	}
	for _, list := range []struct {
		what string
		rows []types.CoreExtern
	}{{"import", m.Imports()}, {"export", m.Exports()}} {
		for _, e := range list.rows {
			name := clip([]byte(e.Name))
			if e.Module != "" {
				name = clip([]byte(e.Module)) + " " + name
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", list.what, name, e.Desc)
		}
	}
	return t.Flush()
}
