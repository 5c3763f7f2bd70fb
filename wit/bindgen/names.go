package bindgen

import (
	"go/token"
	"strings"
	"unicode"

	"go.bytecodealliance.org/wit"
)

// initialisms are the words that Go writes in capitals.
var initialisms = map[string]string{
	"cpu": "CPU", "dns": "DNS", "eof": "EOF", "ggml": "GGML", "gpu": "GPU", "http": "HTTP", "https": "HTTPS",
	"id": "ID", "io": "IO", "ip": "IP", "ipv4": "IPv4", "ipv6": "IPv6", "json": "JSON", "onnx": "ONNX",
	"tcp": "TCP", "tls": "TLS", "tpu": "TPU", "tty": "TTY", "udp": "UDP", "uri": "URI", "url": "URL",
	"utc": "UTC", "utf8": "UTF8", "openvino": "OpenVINO", "pytorch": "PyTorch",
	"tensorflow": "TensorFlow", "tensorflowlite": "TensorFlowLite",
}

// exported returns the exported Go name of a WIT name: http-request-denied is
// HTTPRequestDenied.
func exported(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(capital(word))
	}
	return b.String()
}

func capital(word string) string {
	if s, ok := initialisms[strings.ToLower(word)]; ok {
		return s
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// unexported returns the unexported Go name of a WIT name: http-request-denied
// is httpRequestDenied, and type is type_.
func unexported(name string) string {
	first, rest, _ := strings.Cut(name, "-")
	s := strings.ToLower(first)
	if rest != "" {
		s += exported(rest)
	}
	if token.IsKeyword(s) || taken[s] {
		s += "_"
	}
	return s
}

// taken are identifiers that generated signatures use themselves.
var taken = map[string]bool{"ctx": true, "string": true, "error": true, "rune": true, "bool": true, "abi": true, "component": true, "context": true}

// lowerFirst turns the first letter of an exported Go name small, with the
// capitals that belong to it: HTTPError is httpError, ID is id.
func lowerFirst(name string) string {
	r := []rune(name)
	for i := range r {
		if i > 0 && i+1 < len(r) && unicode.IsLower(r[i+1]) {
			break
		}
		if !unicode.IsUpper(r[i]) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}

// packageName returns the Go package name of an interface: its letters without
// dashes, behind the package's name where it would hide something of Go's.
func packageName(i *wit.Interface) string {
	name := strings.ToLower(strings.ReplaceAll(*i.Name, "-", ""))
	if token.IsKeyword(name) || predeclared[name] || name == "main" {
		return strings.ReplaceAll(i.Package.Name.Package, "-", "") + name
	}
	return name
}

var predeclared = map[string]bool{
	"any": true, "bool": true, "byte": true, "error": true, "rune": true, "string": true, "len": true, "cap": true,
	"new": true, "make": true, "copy": true, "close": true, "clear": true, "max": true, "min": true, "print": true,
	"delete": true, "append": true, "panic": true, "recover": true, "nil": true, "true": true, "false": true, "iota": true,
}

// versionElement returns the path element for a package's version. Released
// versions have none, since one binding serves a whole semver track. A pre-release
// is a track of its own: 0.2.0-rc-2024-10-28 is rc20241028.
func versionElement(id wit.Ident) string {
	if id.Version == nil || id.Version.PreRelease == "" {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, string(id.Version.PreRelease))
}

// names hands out identifiers, each once.
type names map[string]bool

// pick returns want, or want with underscores behind it when it was handed out
// before. With suffixes, the names that end in them go with it.
func (n names) pick(want string, suffixes ...string) string {
	for n.taken(want, suffixes) {
		want += "_"
	}
	n[want] = true
	for _, s := range suffixes {
		n[want+s] = true
	}
	return want
}

func (n names) taken(want string, suffixes []string) bool {
	if n[want] {
		return true
	}
	for _, s := range suffixes {
		if n[want+s] {
			return true
		}
	}
	return false
}
