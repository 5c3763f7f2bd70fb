//go:build cgo && (linux || darwin)

// Package ortshim is the part of ONNX Runtime that wasinn calls without the Go
// binding: the environment with one thread pool for the process, sessions whose
// errors keep their code, what a session says of its inputs and outputs, and a
// whole run in one cgo call.
//
// It declares the few entries of OrtApi that it needs by their place in that
// table, which is stable, and so needs no header. Session options and execution
// providers are the binding's, and come here as a pointer.
package ortshim

/*
#cgo CFLAGS: -O2 -std=gnu11
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "ort.h"
*/
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// APIVersion of OrtApi that is asked for: every ONNX Runtime from 1.24 on has
// it. It is the binding's, too.
const APIVersion = C.ORT_API

// Library is a loaded ONNX Runtime. It stays loaded as long as the process
// lives, since ONNX Runtime's threads and exit handlers may run until then.
type Library struct {
	lib     *C.ort_lib
	version string
	owners  sync.Pool // of *Owner, each for one value at a time
}

// NotLibraryError says that a file is not an ONNX Runtime library that this
// process can load.
type NotLibraryError struct {
	Path   string
	Reason string // in the loader's words
}

// Error names the file and the reason.
func (e *NotLibraryError) Error() string {
	return fmt.Sprintf("%s is not an ONNX Runtime library for this machine: %s", e.Path, e.Reason)
}

// VersionError says that a library does not have the API that is needed.
type VersionError struct {
	Path, Found string
}

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("%s is ONNX Runtime %s, expected 1.%d or later", e.Path, e.Found, APIVersion)
}

// Open loads the library file at path and checks that it is an ONNX Runtime
// which has APIVersion. Errors are *NotLibraryError and *VersionError.
func Open(path string) (*Library, error) {
	lib := (*C.ort_lib)(C.calloc(1, C.size_t(unsafe.Sizeof(C.ort_lib{}))))
	version, err := open(lib, path)
	if err != nil {
		C.ort_close(lib)
		C.free(unsafe.Pointer(lib))
		return nil, err
	}
	return &Library{lib: lib, version: version}, nil
}

func open(lib *C.ort_lib, path string) (version string, err error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	var v *C.char
	if reason := C.ort_open(cpath, lib, &v); reason != nil {
		return "", &NotLibraryError{path, strings.TrimPrefix(C.GoString(reason), path+": ")}
	}
	version = C.GoString(v)
	// An older library prints to stderr when asked for an API it lacks, so the
	// version comes first: 1.N has the APIs up to N.
	if minor, ok := minorOf(version); ok && minor < APIVersion {
		return "", &VersionError{path, version}
	}
	if !C.ort_get_api(lib) {
		return "", &VersionError{path, version}
	}
	return version, nil
}

func minorOf(version string) (int, bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 || parts[0] != "1" {
		return 0, false
	}
	minor, err := strconv.Atoi(parts[1])
	return minor, err == nil
}

// Version of the library, as in 1.30.0.
func (l *Library) Version() string { return l.version }

// Environment says how the process's one environment is made.
type Environment struct {
	// IntraOpThreads, InterOpThreads of the pools that all sessions share; at
	// least 1. The thread that runs a session is one of them.
	IntraOpThreads, InterOpThreads int
	// Spin lets idle threads wait busily for work.
	Spin bool
	// Log takes what ONNX Runtime reports; nil drops it.
	Log *slog.Logger
}

// logger is where ONNX Runtime's messages go. Its environment is one for the
// process and calls back without saying whose it is, so this is a variable of
// the process as well. Start sets it.
var logger atomic.Pointer[slog.Logger]

// Levels of slog for ONNX Runtime's severities 0 to 4.
var levels = [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, slog.LevelError}

//export ortshimLog
func ortshimLog(severity C.int, category, location, message *C.char) {
	log := logger.Load()
	if log == nil || severity < 0 || int(severity) >= len(levels) {
		return
	}
	log.Log(context.Background(), levels[severity], C.GoString(message),
		"category", C.GoString(category), "location", C.GoString(location))
}

func severityOf(log *slog.Logger) C.int {
	if log == nil {
		return C.ORT_LOGGING_LEVEL_FATAL
	}
	for severity, level := range levels[:4] {
		if log.Enabled(context.Background(), level) {
			return C.int(severity)
		}
	}
	return C.ORT_LOGGING_LEVEL_FATAL
}

// Start makes the environment. It is called once, before anybody else makes
// one: whoever asks ONNX Runtime for an environment later gets this one.
func (l *Library) Start(e Environment) error {
	logger.Store(e.Log)
	return l.take(C.ort_start(l.lib, C.int(e.IntraOpThreads), C.int(e.InterOpThreads), C.bool(e.Spin), severityOf(e.Log)))
}

// Providers are the execution providers that the library was built to know,
// such as CPUExecutionProvider. Their own libraries may be missing.
func (l *Library) Providers() ([]string, error) {
	var names **C.char
	var n C.int
	if err := l.take(C.ort_providers(l.lib, &names, &n)); err != nil {
		return nil, err
	}
	defer C.ort_release_providers(l.lib, names, n)
	out := make([]string, n)
	for i, name := range unsafe.Slice(names, int(n)) {
		out[i] = C.GoString(name)
	}
	return out, nil
}

// Code is an OrtErrorCode.
type Code int

// The codes of API 24.
const (
	Fail Code = iota + 1
	InvalidArgument
	NoSuchFile
	NoModel
	EngineError
	RuntimeException
	InvalidProtobuf
	ModelLoaded
	NotImplemented
	InvalidGraph
	ProviderFail
	LoadCanceled
	RequiresCompilation
	NotFound
)

// Error is what ONNX Runtime says went wrong.
type Error struct {
	Code    Code
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// take makes a Go error of status and releases it.
func (l *Library) take(status *C.OrtStatus) error {
	if status == nil {
		return nil
	}
	err := &Error{Code(C.ort_code(l.lib, status)), strings.TrimSpace(C.GoString(C.ort_message(l.lib, status)))}
	C.ort_release_status(l.lib, status)
	return err
}

// SelfTest checks that this package and ONNX Runtime mean the same by a status
// and that options, which the binding made, carry the config entry key.
func (l *Library) SelfTest(options unsafe.Pointer, key string) error {
	if err := l.testStatus(); err != nil {
		return err
	}
	ckey := C.CString(key)
	defer C.free(unsafe.Pointer(ckey))
	var has C.int
	if err := l.take(C.ort_has_config(l.lib, options, ckey, &has)); err != nil {
		return fmt.Errorf("session options of the binding: %w", err)
	}
	if has != 1 {
		return fmt.Errorf("session options of the binding lack the entry %q that it has just set: its layout has changed", key)
	}
	return nil
}

func (l *Library) testStatus() error {
	const text = "a status of the self-test"
	ctext := C.CString(text)
	defer C.free(unsafe.Pointer(ctext))
	err := l.take(C.ort_new_status(l.lib, C.int(NotImplemented), ctext))
	if e, ok := err.(*Error); !ok || *e != (Error{NotImplemented, text}) {
		return fmt.Errorf("a status made with code %d and %q came back as %#v: the function table has changed", NotImplemented, text, err)
	}
	return nil
}
