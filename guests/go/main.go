// Digits classifies pictures of handwritten digits.
//
// The program is the same for components and for preview 1 modules, and for Go
// and TinyGo; the files neural_*.go and memory_*.go are what differs.
// guests/README.md has the contract that its output keeps, in this and in every
// other language.
package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

const usage = `usage: digits [batch] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file; with batch, all pictures go through the model at once.
`

// nnError is an error of wasi-nn: WIT's name of its code, and the host's own
// detail, which preview 1 lacks.
type nnError struct {
	code, data string
}

func (e *nnError) Error() string {
	oneLine := func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}
	return fmt.Sprintf("code=%s data=%s", e.code, strings.Map(oneLine, e.data))
}

// output is one output of a compute. What the interface cannot tell is "" or
// nil.
type output struct {
	name, elementType string
	dims              []uint32
	data              []byte
}

func main() {
	args := os.Args[1:]
	batch := len(args) > 0 && args[0] == "batch"
	if batch {
		args = args[1:]
	}
	if len(args) < 3 || args[0] != "name" && args[0] != "bytes" {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(1)
	}
	if err := run(args[0], args[1], args[2:], batch); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// run loads the model and classifies the pictures. Its errors are what follows
// the word error in the line that ends the program.
func run(how, model string, pictures []string, batch bool) error {
	g, err := load(how, model)
	if err != nil {
		return err
	}
	defer g.drop()
	c, err := g.initExecutionContext()
	if err != nil {
		return fmt.Errorf("init %w", err)
	}
	defer c.drop()
	size := 1
	if batch {
		size = len(pictures)
	}
	for chunk := range slices.Chunk(pictures, size) {
		if err := classify(c, chunk); err != nil {
			return err
		}
	}
	return nil
}

func load(how, model string) (graph, error) {
	var g graph
	var err error
	if how == "name" {
		g, err = loadByName(model)
	} else {
		content, readErr := os.ReadFile(model)
		if readErr != nil {
			return g, fmt.Errorf("model %s: cannot be read", model)
		}
		g, err = loadONNX(content)
	}
	if err != nil {
		return g, fmt.Errorf("load %w", err)
	}
	return g, nil
}

// classify runs the model once on these pictures and prints what it says.
func classify(c context, paths []string) error {
	values := make([]float32, 0, len(paths)*pictureValues)
	for _, path := range paths {
		picture, err := readPicture(path)
		if err != nil {
			return fmt.Errorf("picture %s: %w", path, err)
		}
		values = append(values, picture[:]...)
	}
	dims := []uint32{uint32(len(paths)), 1, pictureSide, pictureSide}
	outputs, err := c.compute("image", dims, values)
	if err != nil {
		return fmt.Errorf("compute %w", err)
	}

	all := make([][]float32, len(outputs))
	for i, o := range outputs {
		if all[i], err = o.values(len(paths)); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	for p, path := range paths {
		fmt.Println("picture", path)
		for i, o := range outputs {
			classes := len(all[i]) / len(paths)
			fmt.Printf("output %d %v\n", i, o)
			printTop(all[i][p*classes : (p+1)*classes])
		}
	}
	return nil
}

// String describes the output, but for its values.
func (o output) String() string {
	dims := "-"
	if o.dims != nil {
		texts := make([]string, len(o.dims))
		for i, d := range o.dims {
			texts[i] = fmt.Sprint(d)
		}
		dims = strings.Join(texts, "x")
	}
	return fmt.Sprintf("name=%s ty=%s dims=%s", cmp.Or(o.name, "-"), cmp.Or(o.elementType, "-"), dims)
}

// values returns an output's values, which have to be finite FP32 and the same
// number for each of count pictures.
func (o output) values(count int) ([]float32, error) {
	if o.elementType != "" && o.elementType != "FP32" {
		return nil, fmt.Errorf("values have to be FP32, not %s", o.elementType)
	}
	if len(o.data) == 0 || len(o.data)%(4*count) != 0 {
		return nil, fmt.Errorf("%d bytes are not FP32 values for each of %d pictures", len(o.data), count)
	}
	values := make([]float32, len(o.data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(o.data[4*i:]))
		if v := float64(values[i]); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("value %d is not a finite number", i)
		}
	}
	return values, nil
}

// printTop prints the three greatest values, greatest first; of equals, the
// lower class comes first.
func printTop(values []float32) {
	classes := make([]int, len(values))
	for i := range classes {
		classes[i] = i
	}
	slices.SortStableFunc(classes, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	for k, class := range classes[:min(3, len(classes))] {
		milli := math.Floor(1000*float64(values[class]) + 0.5)
		fmt.Printf("top %d class=%d milli=%d\n", k+1, class, int64(milli))
	}
}
