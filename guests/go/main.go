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
	"strconv"
	"strings"
)

const usage = `usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
in turn on N execution contexts of one graph, 1 to 1000.
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
	w, args, ok := takeWay(os.Args[1:])
	if !ok || len(args) < 3 || args[0] != "name" && args[0] != "bytes" {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(1)
	}
	if err := run(w, args[0], args[1], args[2:]); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// way is how the pictures go through the model: all at once, or one by one on
// some contexts in turn.
type way struct {
	batch    bool
	contexts int
}

// takeWay takes the words that say how off the arguments. It is not ok when
// they do not say it right.
func takeWay(args []string) (w way, rest []string, ok bool) {
	w = way{contexts: 1}
	switch {
	case len(args) > 0 && args[0] == "batch":
		w.batch = true
		return w, args[1:], true
	case len(args) > 1 && args[0] == "contexts":
		n, err := strconv.Atoi(args[1])
		w.contexts = n
		return w, args[2:], err == nil && n >= 1 && n <= 1000
	}
	return w, args, true
}

// run loads the model and classifies the pictures. Its errors are what follows
// the word error in the line that ends the program.
func run(w way, how, model string, pictures []string) error {
	g, err := load(how, model)
	if err != nil {
		return err
	}
	defer g.drop()
	contexts := make([]context, w.contexts)
	for i := range contexts {
		if contexts[i], err = g.initExecutionContext(); err != nil {
			return fmt.Errorf("init %w", err)
		}
		defer contexts[i].drop()
	}
	if w.batch {
		return classify(contexts[0], pictures)
	}
	for i, picture := range pictures {
		if err := classify(contexts[i%w.contexts], []string{picture}); err != nil {
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
