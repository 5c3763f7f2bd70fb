package validate

import "testing"

func TestLabels(t *testing.T) {
	tests := map[string]bool{
		"a": true, "a-b-c": true, "a1-2-3": true, "A": true, "A-B-C": true, "A1-2-3": true, "a-B": true,
		"a11-w0rds": true, "A11-4CR0NYMS": true, "m1x3d-4CR0NYMS": true,
		"": false, "1": false, "1-a": false, "a-": false, "-a": false, "a--b": false, "aB": false, "a_b": false, "ä": false, "a b": false,
	}
	for label, ok := range tests {
		if err := checkLabel(label); (err == nil) != ok {
			t.Errorf("%q: %v", label, err)
		}
	}
}

func TestVersions(t *testing.T) {
	tests := map[string]bool{
		"0.0.0": true, "1.2.3": true, "0.2.0-rc-2024-10-28": true, "1.0.0-alpha.1": true, "1.0.0-0.3.7": true, "1.0.0+001": true,
		"1.0.0-x-y+z.1": true, "123456.7890.488": true,
		"": false, "1": false, "1.2": false, "1.2.3.4": false, "01.2.3": false, "1.2.3-": false, "1.2.3-01": false, "1.2.3-a..b": false,
		"1.2.3+": false, "1.2.3+a_b": false, "a.2.3": false, "-1.2.3": false, "99999999999999999999.0.0": false,
	}
	for version, ok := range tests {
		if err := checkSemver(version); (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestCanonicalVersions(t *testing.T) {
	tests := map[string]bool{
		"1": true, "12": true, "0.2": true, "0.0.3": true, "0.0.0": true,
		"0": false, "0.0": false, "1.2": false, "0.2.1": false, "01": false, "0.02": false, "": false, "a": false,
	}
	for version, ok := range tests {
		if isCanonicalVersion(version) != ok {
			t.Errorf("%q: got %v", version, !ok)
		}
	}
}

func TestParseName(t *testing.T) {
	tests := []struct {
		text string
		want name // without the text; the zero name for an error
		all  bool // only with every feature on
	}{
		{"a-b", name{isPlain: true}, false},
		{"[constructor]r", name{isPlain: true, annotation: constructor, resource: "r"}, false},
		{"[method]r.m", name{isPlain: true, annotation: method, resource: "r", member: "m"}, false},
		{"[static]r.m", name{isPlain: true, annotation: static, resource: "r", member: "m"}, false},
		{"wasi:http/types", name{}, false},
		{"wasi:nn/graph@0.2.0-rc-2024-10-28", name{version: "0.2.0-rc-2024-10-28"}, false},
		{"a:b/c@0.2", name{version: "0.2"}, true},
		{"a:b:c/d/e", name{}, true},
	}
	for _, test := range tests {
		v := &validator{}
		n, err := v.parseName(test.text)
		if test.all {
			if err == nil {
				t.Errorf("%q is a name without features", test.text)
			}
			v.features = AllFeatures()
			n, err = v.parseName(test.text)
		}
		test.want.text = test.text
		if err != nil || n != test.want {
			t.Errorf("%q: got %+v, %v; want %+v", test.text, n, err, test.want)
		}
	}
	for _, text := range []string{"", "[x]a", "[method]a", "[method]a.b.c", "[constructor]a.b", "a:b", ":/", "A:b/c", "a:B/c", "a/b", "a:b/c@", "a:b/c@1.2.3@4", "wasi:http/Types-x"} {
		if _, err := (&validator{features: AllFeatures()}).parseName(text); err == nil {
			t.Errorf("%q is a name", text)
		}
	}
}

// Two names conflict when their keys are equal: the specification's own list.
func TestStrongUniqueness(t *testing.T) {
	v := &validator{}
	var taken takenNames
	add := func(text string) error {
		n, err := v.parseName(text)
		if err != nil {
			t.Fatal(err)
		}
		return taken.take(n)
	}
	for _, text := range []string{"foo", "foo-bar", "[constructor]foo", "[method]foo.bar", "[static]foo.baz", "foo:bar/baz"} {
		if err := add(text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"foo", "FOO", "foo-BAR", "[constructor]FOO", "[method]foo.BAR", "[static]foo.bar", "[method]foo.baz",
		"[method]foo.foo", "[static]FOO.foo", "foo:bar/BAZ"} {
		if add(text) == nil {
			t.Errorf("%q does not conflict", text)
		}
	}
}
