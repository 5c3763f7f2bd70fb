package onnxruntime

import (
	"regexp"
	"strings"
)

// statusPrefix is how ONNX Runtime writes a status inside a message.
var statusPrefix = regexp.MustCompile(`\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : `)

// maxMessage is the length of the longest message passed on.
const maxMessage = 1000

// sourceLocation is what ONNX Runtime puts before a message: the file of its
// source, a line, and the function's whole signature.
var sourceLocation = regexp.MustCompile(`\S+\.(?:cc|cpp|h|cu|cuh):\d+ `)

// cleanMessage makes a message of ONNX Runtime fit for a guest: one line, no
// places in ONNX Runtime's source, valid UTF-8, not endless. Paths of the host
// are removed by whoever knows them.
func cleanMessage(text string) string {
	for {
		at := sourceLocation.FindStringIndex(text)
		if at == nil {
			break
		}
		text = text[:at[0]] + afterSignature(text[at[1]:])
	}
	text = statusPrefix.ReplaceAllString(text, "")
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " ..."
	}
	return text
}

// afterSignature drops a C++ function signature from the start of text: all to
// the parenthesis that closes its parameters. Text that does not start with one
// is returned as it is.
func afterSignature(text string) string {
	open := strings.IndexByte(text, '(')
	if open < 0 || !strings.Contains(text[:open], "::") {
		return text
	}
	depth := 0
	for i, c := range []byte(text[open:]) {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			rest := strings.TrimLeft(text[open+i+1:], " ")
			return strings.TrimPrefix(rest, "const ")
		}
	}
	return text
}
