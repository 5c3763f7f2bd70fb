package graphreg

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// encodingWords are the spellings of encodings that users and other hosts
// have, in lower case.
var encodingWords = map[string]backends.Encoding{
	"":                "",
	"openvino":        backends.OpenVINO,
	"onnx":            backends.ONNX,
	"tensorflow":      backends.TensorFlow,
	"pytorch":         backends.PyTorch,
	"tensorflowlite":  backends.TensorFlowLite,
	"tensorflow-lite": backends.TensorFlowLite,
	"tflite":          backends.TensorFlowLite,
	"ggml":            backends.GGML,
	"gguf":            backends.GGML,
	"autodetect":      backends.Autodetect,
	"auto":            backends.Autodetect,
}

// ParseEncoding reads an encoding's name, in any case. The empty word is no
// encoding and no error.
func ParseEncoding(word string) (backends.Encoding, error) {
	enc, ok := encodingWords[strings.ToLower(word)]
	if !ok {
		return "", backends.Errorf(backends.InvalidEncoding,
			"encoding %q: want onnx, openvino, tensorflow, pytorch, tensorflowlite, ggml or autodetect", word)
	}
	return enc, nil
}

// ParseTarget reads a target's name, in any case. The empty word and auto
// leave the choice to the engine.
func ParseTarget(word string) (backends.Target, error) {
	switch w := strings.ToLower(word); w {
	case "", "auto":
		return "", nil
	case "cpu", "gpu", "tpu":
		return backends.Target(w), nil
	}
	return "", backends.Errorf(backends.InvalidArgument, "target %q: want cpu, gpu, tpu or auto", word)
}

// ParseGraphFlag reads this project's own spelling of a named graph,
// NAME[@VERSION]=PATH[,key=value...] with the keys encoding, backend, target,
// threads, intra-op-threads, inter-op-threads, sha256 and preload. A comma of
// the path itself is kept when no key follows it.
func ParseGraphFlag(s string) (Entry, error) {
	name, rest, ok := strings.Cut(s, "=")
	if !ok {
		return Entry{}, flagError(s, "NAME=PATH[,encoding=..][,backend=..][,target=..][,threads=..]", nil)
	}
	e := Entry{Preload: true}
	var err error
	if e.Name, e.Version, err = SplitName(name); err != nil {
		return Entry{}, flagError(s, "", err)
	}
	fields := strings.Split(rest, ",")
	file := File{Path: fields[0]}
	inPath := true
	for _, f := range fields[1:] {
		key, value, isOption := strings.Cut(f, "=")
		if inPath && (!isOption || !optionKeys[key]) && !looksLikeOption(key, isOption) {
			file.Path += "," + f
			continue
		}
		inPath = false
		if err := e.setOption(key, value, &file); err != nil {
			return Entry{}, flagError(s, "", err)
		}
	}
	e.Files = []File{file}
	if err := e.check(); err != nil {
		return Entry{}, flagError(s, "", err)
	}
	return e, nil
}

var optionKeys = map[string]bool{
	"encoding": true, "backend": true, "target": true, "threads": true, "intra-op-threads": true,
	"inter-op-threads": true, "sha256": true, "preload": true,
}

// looksLikeOption tells a misspelt option, which is an error, from the rest of
// a path with a comma and an equals sign in it.
func looksLikeOption(key string, isOption bool) bool {
	return isOption && key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func (e *Entry) setOption(key, value string, f *File) (err error) {
	switch key {
	case "encoding":
		e.Encoding, err = ParseEncoding(value)
	case "backend":
		e.Backend = value
	case "target":
		e.Target, err = ParseTarget(value)
	case "threads", "intra-op-threads":
		e.IntraOpThreads, err = parseThreads(key, value)
	case "inter-op-threads":
		e.InterOpThreads, err = parseThreads(key, value)
	case "sha256":
		f.SHA256 = value
	case "preload":
		if e.Preload, err = strconv.ParseBool(value); err != nil {
			err = backends.Errorf(backends.InvalidArgument, "preload=%q: want true or false", value)
		}
	default:
		err = backends.Errorf(backends.InvalidArgument,
			"option %q: want encoding, backend, target, threads, intra-op-threads, inter-op-threads, sha256 or preload", key)
	}
	return err
}

func parseThreads(key, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > maxThreads {
		return 0, backends.Errorf(backends.InvalidArgument, "%s=%q: want a number from 0 to %d", key, value, maxThreads)
	}
	return n, nil
}

// ModelFile is the name that a model has in a folder of its own.
const ModelFile = "model.onnx"

// ParseWasmtimeGraph reads wasmtime's spelling, ENCODING::DIR: the graph is
// called as the folder is, and is the file model.onnx in it.
func ParseWasmtimeGraph(s string) (Entry, error) {
	const form = "ENCODING::DIR"
	word, dir, ok := strings.Cut(s, "::")
	if !ok || word == "" || dir == "" {
		return Entry{}, flagError(s, form, nil)
	}
	enc, err := ParseEncoding(word)
	if err != nil {
		return Entry{}, flagError(s, form, err)
	}
	if enc != backends.ONNX && enc != backends.Autodetect {
		return Entry{}, flagError(s, form, backends.Errorf(backends.InvalidEncoding,
			"encoding %q has no known file names; name the files in a manifest", word))
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Entry{}, flagError(s, form, err)
	}
	e := Entry{Name: filepath.Base(abs), Encoding: enc, Preload: true, Files: []File{{Path: filepath.Join(dir, ModelFile)}}}
	if err := e.check(); err != nil {
		return Entry{}, flagError(s, form, err)
	}
	return e, nil
}

// ParseWasmEdgeGraph reads WasmEdge's spelling, NAME:ENCODING:TARGET:PATH. The
// path may have colons, as on Windows, and be a list with commas for a model
// of several files.
func ParseWasmEdgeGraph(s string) (Entry, error) {
	const form = "NAME:ENCODING:TARGET:PATH"
	fields := strings.SplitN(s, ":", 4)
	if len(fields) != 4 {
		return Entry{}, flagError(s, form, nil)
	}
	e := Entry{Preload: true}
	var err error
	if e.Name, e.Version, err = SplitName(fields[0]); err != nil {
		return Entry{}, flagError(s, form, err)
	}
	if e.Encoding, err = ParseEncoding(fields[1]); err != nil {
		return Entry{}, flagError(s, form, err)
	}
	if e.Target, err = ParseTarget(fields[2]); err != nil {
		return Entry{}, flagError(s, form, err)
	}
	for _, p := range strings.Split(fields[3], ",") {
		e.Files = append(e.Files, File{Path: p})
	}
	if err := e.check(); err != nil {
		return Entry{}, flagError(s, form, err)
	}
	return e, nil
}

func flagError(s, form string, err error) error {
	if err == nil {
		return backends.Errorf(backends.InvalidArgument, "%q: want %s", s, form)
	}
	return fmt.Errorf("%q: %w", s, err)
}

// partPath joins slash-separated names within a registry's folder.
func partPath(names ...string) string { return path.Join(names...) }
