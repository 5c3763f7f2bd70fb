package bindgen

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.bytecodealliance.org/wit"
)

// text returns a WIT comment without white space around it.
func text(d wit.Docs) string { return strings.TrimSpace(d.Contents) }

// comment returns s as a Go comment, each line behind indent.
func comment(s, indent string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(flow(s, 85-4*len(indent)), "\n") {
		if !strings.HasPrefix(line, "\t") {
			line = " " + line
		}
		b.WriteString(strings.TrimRight(indent+"//"+line, " ") + "\n")
	}
	return b.String()
}

// flow breaks the lines of every paragraph anew at width, since names put
// before a WIT comment move its line ends. Paragraphs with a line that is indented
// or looks like a list, a heading or a quotation stay as they are.
func flow(s string, width int) string {
	paragraphs := strings.Split(s, "\n\n")
	for i, p := range paragraphs {
		if !laidOut(p) {
			paragraphs[i] = wrap(p, width)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func laidOut(paragraph string) bool {
	for line := range strings.SplitSeq(paragraph, "\n") {
		if line != "" && strings.ContainsRune(" \t-*#>`|0123456789", rune(line[0])) {
			return true
		}
	}
	return false
}

// typeDoc is the comment of a type: its WIT comment made a sentence about name,
// or what kind of type it is.
func typeDoc(name, kind, witName string, d wit.Docs) string {
	if s := text(d); s != "" {
		return name + " is " + small(s)
	}
	return name + " is the " + kind + " " + witName + "."
}

// funcDoc is the comment of a function: its WIT comment, which begins with a
// verb, made a sentence about name.
func funcDoc(name, signature string, d wit.Docs) string {
	s := text(d)
	switch {
	case s == "":
		s = name + " serves " + signature
		signature = ""
	case startsWithVerb(s):
		s = name + " " + small(s)
	default:
		s = name + ": " + s
	}
	if signature != "" {
		s += "\n\n\t" + signature
	}
	return s
}

// startsWithVerb reports whether s starts like "Returns the".
func startsWithVerb(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	word = strings.TrimRight(word, ",.:;")
	return strings.HasSuffix(word, "s") && !nouns[word]
}

var nouns = map[string]bool{"This": true, "Is": true, "Its": true}

// small lowers the first letter of a sentence, unless its first word is a name
// or an abbreviation.
func small(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	second, _ := utf8.DecodeRuneInString(s[n:])
	if unicode.IsUpper(second) || unicode.IsDigit(second) {
		return s
	}
	return string(unicode.ToLower(first)) + s[n:]
}

// itemDoc is the comment of a case, flag or field: its WIT comment, or what it
// is.
func itemDoc(kind, witName string, d wit.Docs) string {
	if s := text(d); s != "" {
		return s
	}
	return "The " + kind + " " + witName + "."
}

// wrap breaks a paragraph into lines of width letters.
func wrap(s string, width int) string {
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(s) {
		switch {
		case n == 0:
		case n+1+len(word) > width:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}

func quote(s string) string { return strconv.Quote(s) }
