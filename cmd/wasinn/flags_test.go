package main

import (
	"reflect"
	"testing"
)

func TestByteSizes(t *testing.T) {
	for _, test := range []struct {
		text string
		want byteSize
		back string
		ok   bool
	}{
		{"0", 0, "0", true}, {"65536", 65536, "64KiB", true}, {"64KiB", 65536, "64KiB", true}, {"64Ki", 65536, "64KiB", true},
		{"1GB", 1e9, "1000000000", true}, {"3M", 3e6, "3000000", true}, {"2GiB", 2 << 30, "2GiB", true}, {"12B", 12, "12", true},
		{"18446744073709551615", 1<<64 - 1, "18446744073709551615", true},
		{"", 0, "", false}, {"x", 0, "", false}, {"-1", 0, "", false}, {"1.5GiB", 0, "", false}, {"18446744073709551616", 0, "", false}, {"18446744073709551615Ki", 0, "", false},
	} {
		var got byteSize
		err := got.Set(test.text)
		if test.ok != (err == nil) || got != test.want || test.ok && got.String() != test.back {
			t.Errorf("%q: %d (%s), %v, want %d (%s)", test.text, got, &got, err, test.want, test.back)
		}
	}
}

func TestMountsInEverySpelling(t *testing.T) {
	dir := t.TempDir()
	f := runFlags{dirs: []string{dir, dir + "::/data"}, readOnlyDirs: []string{dir + "::ro"}, mapDirs: []string{"/old::" + dir}}
	got, err := f.mounts()
	want := []mount{{dir, dir, false}, {dir, "/data", false}, {dir, "ro", true}, {dir, "/old", false}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestEnvironment(t *testing.T) {
	host := []string{"HOME=/home/x", "LANG=C", "=odd"}
	for _, test := range []struct {
		name string
		f    runFlags
		want [][2]string
	}{
		{"nothing is passed on by itself", runFlags{}, nil},
		{"a variable", runFlags{env: []string{"A=1"}}, [][2]string{{"A", "1"}}},
		{"a value with an =", runFlags{env: []string{"A=b=c"}}, [][2]string{{"A", "b=c"}}},
		{"one of the host's", runFlags{env: []string{"LANG"}}, [][2]string{{"LANG", "C"}}},
		{"one that the host lacks", runFlags{env: []string{"NONE"}}, nil},
		{"all, and one that wins", runFlags{inheritEnv: true, env: []string{"LANG=de"}}, [][2]string{{"HOME", "/home/x"}, {"LANG", "C"}, {"LANG", "de"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := test.f.environment(host); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v, %v, want %v", got, err, test.want)
			}
		})
	}
}
