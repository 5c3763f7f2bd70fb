package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
)

// maxGuestBytes is the largest guest that is read, in bytes.
const maxGuestBytes = 1 << 30

// readFile reads a file that the user named, up to limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory, expected a file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that are read", path, info.Size(), limit)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than the %d bytes that are read", path, limit)
	}
	return b, err
}

// readGuest reads a component or a core module; the error of a file that is
// neither says what it is.
func readGuest(path string) ([]byte, error) {
	b, err := readFile(path, maxGuestBytes)
	if err != nil {
		return nil, err
	}
	if !component.IsComponent(b) && !component.IsModule(b) {
		return nil, withCode(exitInvalid, fmt.Errorf("%s is neither a WebAssembly component nor a core module: it is %s", path, kindOf(b)))
	}
	return b, nil
}

// kindOf says what a file is that is not WebAssembly, as far as its first bytes tell.
func kindOf(b []byte) string {
	switch {
	case len(b) == 0:
		return "empty"
	case component.IsComponent(b):
		return "a WebAssembly component"
	case component.IsModule(b):
		return "a WebAssembly core module"
	}
	if bytes.HasPrefix(b, []byte("\x00asm")) {
		if len(b) < 8 {
			return fmt.Sprintf("cut off after %d bytes", len(b))
		}
		return fmt.Sprintf("a WebAssembly binary of another version: layer %d, version %d", uint16(b[6])|uint16(b[7])<<8, uint16(b[4])|uint16(b[5])<<8)
	}
	for _, k := range []struct{ prefix, what string }{
		{"\x7fELF", "an ELF program for this or another computer"},
		{"MZ", "a Windows program"},
		{"\xcf\xfa\xed\xfe", "a macOS program"},
		{"\xca\xfe\xba\xbe", "a macOS program or a Java class"},
		{"\x1f\x8b", "compressed with gzip: unpack it first"},
		{"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"},
		{"BZh", "compressed with bzip2: unpack it first"},
		{"\xfd7zXZ", "compressed with xz: unpack it first"},
		{"PK\x03\x04", "a zip archive"},
		{"!<arch>", "an archive of object files"},
		{"BC\xc0\xde", "LLVM bitcode"},
		{"GGUF", "a GGUF model"},
		{"version https://git-lfs", "a pointer of Git LFS, and not the file that it stands for: run git lfs pull"},
		{"#!", "a script"},
	} {
		if bytes.HasPrefix(b, []byte(k.prefix)) {
			return k.what
		}
	}
	text := bytes.TrimSpace(b[:min(len(b), 4096)])
	switch {
	case bytes.HasPrefix(text, []byte("(module")), bytes.HasPrefix(text, []byte("(component")), bytes.HasPrefix(text, []byte(";;")), bytes.HasPrefix(text, []byte("(;")):
		return "WebAssembly text: make a binary of it with wasm-tools parse"
	case bytes.HasPrefix(text, []byte("package ")) && bytes.Contains(text, []byte(";")):
		return "text, perhaps WIT"
	case bytes.HasPrefix(bytes.ToLower(text), []byte("<!doctype html")), bytes.HasPrefix(bytes.ToLower(text), []byte("<html")):
		return "a web page"
	case backends.IsONNX(b):
		return "an ONNX model: give it to a guest with --graph NAME=PATH"
	case printable(text):
		return "text"
	}
	return fmt.Sprintf("%d bytes that begin with % x", len(b), b[:min(len(b), 8)])
}

// printable tells whether b is UTF-8 text; its last character may be cut off.
func printable(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}
