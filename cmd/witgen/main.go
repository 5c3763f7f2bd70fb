// Command witgen writes Go host bindings for the WIT packages under wit/, or
// for others.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/wit"
	"github.com/wasinn/wasinn/wit/bindgen"
)

func main() {
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "witgen:", err)
		os.Exit(1)
	}
}

const help = `witgen writes Go host bindings for WIT packages: one Go package for each interface.

Usage:

	witgen [flags] [folder ...]

It reads every .wit file below the folders; each holds one package, and they may use each other.
Without folders it reads the texts that are part of wasinn: WASI 0.2 and wasi:nn.

Flags:
`

// options are witgen's flags.
type options struct {
	out      string
	root     string
	features features
	check    bool
}

// features is a flag that may be given several times.
type features []string

func (f *features) String() string { return strings.Join(*f, ",") }

func (f *features) Set(s string) error {
	*f = append(*f, strings.Split(s, ",")...)
	return nil
}

func run(args []string, stdout, stderr io.Writer) error {
	var o options
	flags := flag.NewFlagSet("witgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, help)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.out, "out", "gen", "`folder` to write to; generated files in it that are not written now are removed")
	flags.StringVar(&o.root, "root", bindgen.Module+"/gen", "import `path` of that folder")
	flags.Var(&o.features, "features", "`names` of the feature gates (@unstable) to open, with commas between them")
	flags.BoolVar(&o.check, "check", false, "write nothing, and fail when something would change")
	if err := flags.Parse(args); err != nil {
		return err
	}
	files, err := generate(o, flags.Args())
	if err != nil {
		return err
	}
	changed, err := update(o.out, files, !o.check)
	if err != nil {
		return err
	}
	for _, c := range changed {
		fmt.Fprintln(stdout, c)
	}
	if o.check && len(changed) > 0 {
		return fmt.Errorf("%d files in %s are not what witgen makes now: run it without -check", len(changed), o.out)
	}
	return nil
}

// generate returns the bindings of the packages in folders.
func generate(o options, folders []string) ([]bindgen.File, error) {
	var sources []wit.Source
	for _, dir := range folders {
		s, err := wit.Read(os.DirFS(dir))
		if err != nil {
			return nil, err
		}
		sources = slices.Concat(sources, s)
	}
	if len(folders) == 0 {
		var err error
		if sources, err = wit.Read(wit.Texts()); err != nil {
			return nil, err
		}
	}
	r, err := wit.Parse(sources...)
	if err != nil {
		return nil, err
	}
	return bindgen.Generate(r, bindgen.Config{Root: o.root, Features: o.features})
}
