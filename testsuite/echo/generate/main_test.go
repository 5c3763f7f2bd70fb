package main

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"testing"

	"github.com/wasinn/wasinn/testsuite/echo"
)

// TestTheCommittedSuiteIsWhatTheGeneratorMakes, file by file.
func TestTheCommittedSuiteIsWhatTheGeneratorMakes(t *testing.T) {
	want, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range want {
		got, err := echo.Files.ReadFile(name)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, data) {
			t.Errorf("%s is not what the generator makes: run go run ./testsuite/echo/generate", name)
		}
	}
	err = fs.WalkDir(echo.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && want[path] == nil {
			t.Errorf("%s is made by nothing: run go run ./testsuite/echo/generate", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestElementsAreEncodedExactly compares with bits that the formats' texts give.
func TestElementsAreEncodedExactly(t *testing.T) {
	for _, c := range []struct {
		e          element
		text, want string
	}{
		{f16, "1", "003c"}, {f16, "-1.5", "00be"}, {f16, "65504", "ff7b"}, {f16, "6.103515625e-05", "0004"},
		{f16, "5.960464477539063e-08", "0100"}, {f16, "-inf", "00fc"}, {f16, "nan", "007e"}, {f16, "0.333251953125", "5535"},
		{f32, "-2.5", "000020c0"}, {f32, "1.401298464324817e-45", "01000000"}, {f32, "inf", "0000807f"},
		{f64, "5e-324", "0100000000000000"}, {f64, "nan", "000000000000f87f"},
		{bf16, "1", "803f"}, {bf16, "3.3895313892515355e+38", "7f7f"}, {bf16, "9.183549615799121e-41", "0100"},
		{u8, "255", "ff"}, {i32, "-2147483648", "00000080"}, {i64, "81985529216486895", "efcdab8967452301"},
	} {
		got, err := c.e.encode(nil, c.text)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%s %s: %x, %v; want %s", c.e.name, c.text, got, err, c.want)
		}
	}
	for _, c := range []struct {
		e    element
		text string
	}{{f16, "0.1"}, {f16, "65536"}, {f16, "1e-8"}, {bf16, "257"}, {f32, "0.1"}, {u8, "256"}, {u8, "-1"}, {i32, "2147483648"}} {
		if got, err := c.e.encode(nil, c.text); err == nil {
			t.Errorf("%s %s: %x, want an error, since the type cannot hold it", c.e.name, c.text, got)
		}
	}
}
