package neon

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file")

// every appends each instruction once, with registers that tell places apart.
func every(f *Func) {
	for _, i := range []Inst{FADD, FSUB, FMUL, FDIV, FMAX, FMIN, FMAXNM, FMINNM, FADDP, FCMEQ, FCMGE, FCMGT, FMLA, ADD, SUB, MLA, AND, ORR, EOR, BIT,
		ZIP1B, ZIP1H, ZIP2H, UZP1, UZP2, TRN1, TRN2, TRN1D, TRN2D, SDOT} {
		f.Three(i, 1, 18, 31)
	}
	for _, i := range []Inst{FSQRT, FABS, FNEG, FRINTN, FRINTM, FRINTP, FCVTNS, SCVTF, FCVTL, FCVTL2, FCVTN, FCVTN2, NOT, XTN, XTN2, XTNB,
		UXTLB, SXTLB, SXTL, SXTL2} {
		f.Two(i, 3, 29)
	}
	for _, i := range []Inst{SHL, SSHR, USHR} {
		f.Shift(i, 5, 27, 1)
		f.Shift(i, 5, 27, 31)
	}
	f.Shift(SHRN, 5, 27, 16)
	f.Shift(SHRN2, 5, 27, 1)
	f.Shift(SHLL, 5, 27, 16)
	f.Shift(SHLL2, 5, 27, 16)
	for at := range 4 {
		f.Elem(FMLAElem, 7, 25, 30, at)
		f.Elem(SDOTElem, 7, 25, 17, at)
		f.Elem(DUP, 7, 25, 0, at)
		f.Ext(2, 20, 30, at)
	}
	for at := range 8 {
		f.Elem(SMLALElem, 9, 24, 15, at)
		f.Elem(SMLAL2, 9, 24, 6, at)
	}
}

// encodings are the words of every instruction, with what a disassembler says of each.
func encodings(f *Func) (words []uint32, texts []string) {
	every(f)
	for _, l := range f.code {
		regs := make([]int, len(l.regs))
		for i, o := range l.regs {
			regs[i] = int(o.v)
		}
		words, texts = append(words, l.word(regs)), append(texts, numbered(l.arm, regs))
	}
	return words, texts
}

func newFunc(name string) *Func { return NewFile("p", "a test").Func(name, "func(x *float32)", "") }

func TestEncodingsAreThoseOfTheManual(t *testing.T) {
	words, texts := encodings(newFunc("f"))
	var got strings.Builder
	for i, w := range words {
		fmt.Fprintf(&got, "%08x %s\n", w, texts[i])
	}
	if *update {
		if err := os.WriteFile("testdata/encodings.txt", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/encodings.txt")
	if err != nil || got.String() != string(want) {
		t.Errorf("%v: testdata/encodings.txt has\n%s\nand the instructions are\n%s", err, want, got.String())
	}
}

func TestGoAssemblesTheSameWords(t *testing.T) {
	file := NewFile("p", "a test")
	f := file.Func("f", "func(x *float32)", "")
	words, _ := encodings(f)
	f.Done()
	dir := t.TempDir()
	source, object := filepath.Join(dir, "f.s"), filepath.Join(dir, "f.o")
	// As a test of Go's own, without its include files.
	text := strings.NewReplacer("#include \"textflag.h\"\n", "", "NOSPLIT", "4").Replace(string(file.Assembly()))
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "tool", "asm", "-p", "p", "-o", object, source)
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	assembled, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, w := range words {
		want = binary.LittleEndian.AppendUint32(want, w)
	}
	if !bytes.Contains(assembled, want) {
		t.Error("the assembler writes other words than those of the table for some instruction that it has a name for")
	}
}

const objdump = "aarch64-linux-gnu-objdump"

// disassemble is what GNU's disassembler makes of words.
func disassemble(t *testing.T, words []uint32) []string {
	t.Helper()
	if _, err := exec.LookPath(objdump); err != nil {
		t.Skipf("there is no %s on the PATH: Debian has it in binutils-aarch64-linux-gnu", objdump)
	}
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	name := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "aarch64", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range regexp.MustCompile(`(?m)^\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$`).FindAllStringSubmatch(string(out), -1) {
		texts = append(texts, strings.Replace(m[1], "\t", " ", 1))
	}
	if len(texts) != len(words) {
		t.Fatalf("%d lines of %d words:\n%s", len(texts), len(words), out)
	}
	return texts
}

func TestADisassemblerReadsTheEncodings(t *testing.T) {
	words, texts := encodings(newFunc("f"))
	for i, got := range disassemble(t, words) {
		if got != texts[i] {
			t.Errorf("%08x: got %s, want %s", words[i], got, texts[i])
		}
	}
}

func TestADisassemblerReadsTheWordsOfAllKernels(t *testing.T) {
	files, err := filepath.Glob("../*/*_arm64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly: %v", err)
	}
	var words []uint32
	var comments []string
	seen := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`WORD \$0x([0-9a-f]{8}) // (.*)`).FindAllStringSubmatch(string(text), -1) {
			if seen[m[0]] {
				continue
			}
			seen[m[0]] = true
			var w uint32
			fmt.Sscanf(m[1], "%x", &w)
			words, comments = append(words, w), append(comments, m[2])
		}
	}
	for i, got := range disassemble(t, words) {
		if got != comments[i] {
			t.Errorf("%08x: got %s, the comment says %s", words[i], got, comments[i])
		}
	}
}
