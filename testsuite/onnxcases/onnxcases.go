// Package onnxcases runs ONNX's backend test cases: folders with a model, inputs,
// and the outputs that a right implementation gives.
//
// A case is a folder with model.onnx and at least one folder test_data_set_*
// that has input_N.pb and output_N.pb; or, as for ONNX's light models, a folder
// with a data.json whose url names a model in a folder light beside the case's
// own folder's.
//
// See https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md
package onnxcases

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

// Case is where a test case lies and how it is judged.
type Case struct {
	// Name is the name of the case's folder, such as test_abs.
	Name string
	// RTol and ATol are how far a float may be from the expected one: by no more
	// than ATol + RTol*|expected|. All else is compared exactly.
	RTol, ATol float64

	fsys  fs.FS
	root  string // of fsys on the disk, "" when it is not there
	model string // path in fsys
	sets  []string
	light bool // the inputs are a ramp, and the expected outputs are beside the model
}

// Find finds every case below root, in the order of their paths. dir is where
// root lies on the disk, or "": models then cannot have data in other files.
func Find(root fs.FS, dir string) ([]*Case, error) {
	var cases []*Case
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		c, err := caseAt(root, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if c == nil {
			return nil
		}
		c.root = dir
		if dir != "" && name == "." {
			c.Name = filepath.Base(dir)
		}
		cases = append(cases, c)
		return fs.SkipDir
	})
	return cases, err
}

// caseAt returns nil when a folder is no case.
func caseAt(fsys fs.FS, dir string) (*Case, error) {
	c := &Case{Name: path.Base(dir), RTol: 1e-3, ATol: 1e-7, fsys: fsys, model: path.Join(dir, "model.onnx")}
	url, err := c.readSettings(path.Join(dir, "data.json"))
	if err != nil {
		return nil, err
	}
	if o, ok := tolerances[c.Name]; ok {
		c.RTol, c.ATol = o.rtol, o.atol
	}
	if isFile(fsys, c.model) {
		if c.sets, err = dataSets(fsys, dir); err != nil || len(c.sets) == 0 {
			return nil, err
		}
		return c, nil
	}
	c.light = true
	c.model = path.Join(path.Dir(path.Dir(dir)), "light", path.Base(url))
	if url == "" || !isFile(fsys, c.model) {
		return nil, nil
	}
	return c, nil
}

// tolerances are those of ONNX's own tests of its reference implementation where
// they differ from what the cases say: sums in another order are not exact to
// 1e-7, and the expanded Celu rounds to bfloat16 at each step.
var tolerances = map[string]struct{ rtol, atol float64 }{
	"test_dft":                    {1e-3, 1e-6},
	"test_dft_axis":               {1e-3, 1e-6},
	"test_dft_axis_opset19":       {1e-3, 1e-6},
	"test_dft_inverse":            {1e-3, 1e-6},
	"test_dft_inverse_opset19":    {1e-3, 1e-6},
	"test_dft_opset19":            {1e-3, 1e-6},
	"test_celu_bfloat16_expanded": {1e-2, 1e-2},
}

// readSettings reads data.json, if it is there: tolerances, and for light models
// the model's place.
func (c *Case) readSettings(name string) (url string, err error) {
	b, err := fs.ReadFile(c.fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	settings := struct {
		URL  string
		RTol *float64
		ATol *float64
	}{RTol: &c.RTol, ATol: &c.ATol}
	if err := json.Unmarshal(b, &settings); err != nil {
		return "", fmt.Errorf("data.json: %w", err)
	}
	return settings.URL, nil
}

func isFile(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.Mode().IsRegular()
}

// dataSets are the folders test_data_set_N of a case, by number.
func dataSets(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	var sets []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "test_data_set") {
			sets = append(sets, path.Join(dir, e.Name()))
		}
	}
	slices.SortFunc(sets, func(a, b string) int {
		if len(a) != len(b) { // test_data_set_10 comes after test_data_set_9
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return sets, nil
}

// Loaded is a case that has been read.
type Loaded struct {
	*Case
	// Bytes of the model, and what it says of itself.
	Bytes []byte
	Model *onnxdata.Model
	// Path of the model on the disk, "" when it is not there.
	Path string
	// Sets of inputs and expected outputs.
	Sets []Set
}

// Set is one data set of a case. Inputs have the model's names, in its order.
type Set struct {
	Name            string
	Inputs, Outputs []backends.NamedValue
}

// Load reads the model and all data sets.
func (c *Case) Load() (*Loaded, error) {
	b, err := fs.ReadFile(c.fsys, c.model)
	if err != nil {
		return nil, err
	}
	m, err := onnxdata.Describe(b)
	if err != nil {
		return nil, fmt.Errorf("model.onnx: %w", err)
	}
	l := &Loaded{Case: c, Bytes: b, Model: m}
	if c.root != "" {
		l.Path = filepath.Join(c.root, filepath.FromSlash(c.model))
	}
	if c.light {
		set, err := c.lightSet(m)
		l.Sets = []Set{set}
		return l, err
	}
	for _, dir := range c.sets {
		set, err := c.readSet(m, dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(dir), err)
		}
		l.Sets = append(l.Sets, set)
	}
	return l, nil
}

func (c *Case) readSet(m *onnxdata.Model, dir string) (s Set, err error) {
	s.Name = path.Base(dir)
	if s.Inputs, err = c.readValues(path.Join(dir, "input_"), m.Inputs); err != nil {
		return s, err
	}
	s.Outputs, err = c.readValues(path.Join(dir, "output_"), m.Outputs)
	return s, err
}

// readValues reads the files prefix0.pb, prefix1.pb and so on. Number N is a
// value of infos[N].
func (c *Case) readValues(prefix string, infos []backends.ValueInfo) ([]backends.NamedValue, error) {
	var values []backends.NamedValue
	for i := 0; ; i++ {
		name := prefix + strconv.Itoa(i) + ".pb"
		b, err := fs.ReadFile(c.fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			return values, nil
		}
		if err != nil {
			return nil, err
		}
		if i >= len(infos) {
			return nil, fmt.Errorf("%s: the model has %d of these", path.Base(name), len(infos))
		}
		v, err := onnxdata.Value(b, infos[i].ValueType)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		values = append(values, backends.NamedValue{Name: infos[i].Name, Value: v})
	}
}
