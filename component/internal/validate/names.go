package validate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// annotation is the kind of a plain name.
type annotation string

const (
	plain       annotation = ""
	constructor annotation = "[constructor]"
	method      annotation = "[method]"
	static      annotation = "[static]"
)

// name is an extern name taken apart.
type name struct {
	text       string
	isPlain    bool       // a plain name, not an interface name
	annotation annotation // of a plain name
	resource   string     // the resource of an annotated name
	member     string     // the label of a method or static function
	version    string     // of an interface name; empty without one
}

// parseName takes an extern name apart.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md#import-and-export-definitions
func (v *validator) parseName(text string) (name, error) {
	n := name{text: text}
	var err error
	switch {
	case strings.HasPrefix(text, "["):
		n.isPlain = true
		err = n.parseAnnotated()
	case strings.ContainsRune(text, ':'):
		err = v.parseInterface(&n)
	default:
		n.isPlain = true
		err = checkLabel(text)
	}
	if err != nil {
		return n, fmt.Errorf("%q is not a valid extern name: %w", text, err)
	}
	return n, nil
}

func (n *name) parseAnnotated() error {
	for _, a := range [...]annotation{constructor, method, static} {
		rest, ok := strings.CutPrefix(n.text, string(a))
		if !ok {
			continue
		}
		n.annotation, n.resource = a, rest
		if a != constructor {
			if n.resource, n.member, ok = strings.Cut(rest, "."); !ok {
				return fmt.Errorf("a resource and a label with a dot between are expected after %s", a)
			}
			if err := checkLabel(n.member); err != nil {
				return err
			}
		}
		return checkLabel(n.resource)
	}
	return errors.New("the annotations are [constructor], [method] and [static]")
}

// parseInterface checks namespace:package/interface@version.
func (v *validator) parseInterface(n *name) error {
	path, version, versioned := strings.Cut(n.text, "@")
	if versioned {
		if err := v.checkVersion(version); err != nil {
			return err
		}
		n.version = version
	}
	spaces := strings.Split(path, ":")
	projections := strings.Split(spaces[len(spaces)-1], "/")
	spaces[len(spaces)-1] = projections[0]
	projections = projections[1:]
	for _, w := range spaces {
		if err := checkWords(w); err != nil {
			return err
		}
	}
	if len(projections) == 0 {
		return errors.New("a slash and an interface are expected after the package")
	}
	for _, p := range projections {
		if err := checkLabel(p); err != nil {
			return err
		}
	}
	if len(spaces) > 2 || len(projections) > 1 {
		return need(v.features.NestedNames, "nested namespaces and packages in names", "🪺 nested names", proposed)
	}
	return nil
}

// checkVersion checks what follows the @ of an interface name.
func (v *validator) checkVersion(version string) error {
	err := checkSemver(version)
	if err != nil && isCanonicalVersion(version) {
		return need(v.features.CanonicalNames, "names with a canonical version", "🔗 canonical interface names", proposed)
	}
	return err
}

// isCanonicalVersion tells whether a version is one that a canonical interface
// name has: 1, 0.2, 0.0.3 or 0.0.0.
func isCanonicalVersion(version string) bool {
	if version == "0.0.0" {
		return true
	}
	rest := version
	for range 2 {
		rest = strings.TrimPrefix(rest, "0.")
	}
	return rest != "0" && isNumeric(rest)
}

// checkLabel checks the label production: words of lower case or acronyms of
// upper case letters and digits, with hyphens between; the first begins with a letter.
func checkLabel(label string) error { return checkKebab(label, true) }

// checkWords checks the words production: a label without acronyms.
func checkWords(words string) error { return checkKebab(words, false) }

func checkKebab(label string, acronyms bool) error {
	rest, first := label, true
	for more := true; more; first = false {
		var fragment string
		fragment, rest, more = strings.Cut(rest, "-")
		lower, upper, digit := letters(fragment)
		switch {
		case fragment == "" || lower+upper+digit != len(fragment),
			lower > 0 && upper > 0,
			first && fragment[0] <= '9',
			upper > 0 && !acronyms:
			return fmt.Errorf("%q is not in kebab case", label)
		}
	}
	return nil
}

// letters counts the letters of each case and the digits of a fragment.
func letters(fragment string) (lower, upper, digit int) {
	for _, c := range []byte(fragment) {
		switch {
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			upper++
		case '0' <= c && c <= '9':
			digit++
		}
	}
	return lower, upper, digit
}

// checkSemver checks a version as Semantic Versioning 2.0.0 defines it.
func checkSemver(version string) error {
	core, build, hasBuild := strings.Cut(version, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	numbers := strings.Split(core, ".")
	if len(numbers) != 3 {
		return fmt.Errorf("version %q has %d numbers, expected 3", version, len(numbers))
	}
	for _, n := range numbers {
		if !isNumeric(n) {
			return fmt.Errorf("version %q: %q is not a number without leading zeros", version, n)
		}
	}
	if hasPre {
		for _, id := range strings.Split(pre, ".") {
			if !isIdentifier(id) || isDigits(id) && !isNumeric(id) {
				return fmt.Errorf("version %q: %q is not an identifier of a pre-release", version, id)
			}
		}
	}
	if hasBuild {
		for _, id := range strings.Split(build, ".") {
			if !isIdentifier(id) {
				return fmt.Errorf("version %q: %q is not an identifier of a build", version, id)
			}
		}
	}
	return nil
}

// isNumeric tells whether s is a number without leading zeros that fits 64 bits.
func isNumeric(s string) bool {
	return isDigits(s) && (len(s) == 1 || s[0] != '0') && len(s) <= 19
}

func isDigits(s string) bool {
	_, _, digit := letters(s)
	return s != "" && digit == len(s)
}

func isIdentifier(s string) bool {
	lower, upper, digit := letters(s)
	return s != "" && lower+upper+digit+strings.Count(s, "-") == len(s)
}

// key is the canonical form of a name: two names in one scope conflict when
// theirs are equal.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Explainer.md#name-uniqueness
func (n name) key() string {
	switch n.annotation {
	case method, static:
		r, m := strings.ToLower(n.resource), strings.ToLower(n.member)
		if r == m {
			return m
		}
		return r + "." + m
	}
	return strings.ToLower(n.text)
}

// takenNames are the names in use in a scope, by their canonical form.
type takenNames map[string]string

// take enters a name.
func (t *takenNames) take(n name) error {
	key := n.key()
	if before, conflict := (*t)[key]; conflict {
		return fmt.Errorf("name %q conflicts with previous name %q", n.text, before)
	}
	if *t == nil {
		*t = takenNames{}
	}
	(*t)[key] = n.text
	return nil
}

// externName checks a name with its attributes, for something of a sort, and
// enters it among those taken.
func (v *validator) externName(en decode.ExternName, taken *takenNames, sort decode.Sort) (name, error) {
	n, err := v.parseName(en.Name)
	if err != nil {
		return n, err
	}
	if err := v.attributes(n, en.Attributes, sort); err != nil {
		return n, err
	}
	return n, taken.take(n)
}

// attributes checks the attributes of a name: at most one of each kind.
func (v *validator) attributes(n name, attributes []decode.NameAttribute, sort decode.Sort) error {
	var seen [decode.AttrExternalID + 1]bool
	for _, a := range attributes {
		if seen[a.Kind] {
			return errors.New("the name has two attributes of one kind")
		}
		seen[a.Kind] = true
		var err error
		switch a.Kind {
		case decode.AttrImplements:
			err = v.implements(n, a.Value, sort)
		case decode.AttrVersionSuffix:
			err = v.versionSuffix(n, a.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// implements checks the attribute of a plainly named instance that names the
// interface it implements.
func (v *validator) implements(n name, value string, sort decode.Sort) error {
	if sort != decode.SortInstance {
		return fmt.Errorf("%s has the attribute implements, only an instance can", some(sort))
	}
	if !n.isPlain {
		return errors.New("an interface name has the attribute implements, only a plain name can")
	}
	i, err := v.parseName(value)
	if err != nil {
		return fmt.Errorf("implements: %w", err)
	}
	if i.isPlain {
		return fmt.Errorf("implements: %q is not an interface name", value)
	}
	return nil
}

// versionSuffix checks the attribute that completes a canonical version.
func (v *validator) versionSuffix(n name, value string) error {
	if err := need(v.features.CanonicalNames, "version suffixes", "🔗 canonical interface names", proposed); err != nil {
		return err
	}
	if !isCanonicalVersion(n.version) {
		return errors.New("a version suffix needs a name with a canonical version")
	}
	return checkSemver(n.version + value)
}

// resourceNames are the resource types with a name at the top level of a
// scope, by alias, and those names in lower case.
type resourceNames struct {
	names map[*types.Resource]string
	known map[string]struct{}
}

func (r *resourceNames) add(text string, res *types.Resource) {
	if r.names == nil {
		r.names, r.known = map[*types.Resource]string{}, map[string]struct{}{}
	}
	text = strings.ToLower(text)
	r.names[res] = text
	r.known[text] = struct{}{}
}

// annotated checks that an annotated name stands on a function of the right
// type.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#import-and-export-definitions
func annotated(n name, e entity, resources *resourceNames) error {
	if n.annotation == plain {
		return nil
	}
	if e.sort != decode.SortFunc {
		return fmt.Errorf("%s stands on %s, expected a func", n.annotation, some(e.sort))
	}
	switch n.annotation {
	case constructor:
		return constructorType(n, e.fn, resources)
	case method:
		return methodType(n, e.fn, resources)
	}
	if _, known := resources.known[strings.ToLower(n.resource)]; !known {
		return fmt.Errorf("there is no resource %q before", n.resource)
	}
	return nil
}

// constructorType checks that a constructor returns its resource, or a result of it.
func constructorType(n name, f *types.Func, resources *resourceNames) error {
	if f.Async {
		return errors.New("a constructor is not async")
	}
	t := f.Result
	if r, ok := t.(*types.Result); ok {
		t = r.OK
	}
	own, ok := t.(*types.Own)
	if !ok {
		return errors.New("a constructor returns own<R> or result<own<R>, E>")
	}
	return sameResource(n, own.Resource, resources)
}

// methodType checks that a method takes its resource as self.
func methodType(n name, f *types.Func, resources *resourceNames) error {
	if len(f.Params) == 0 {
		return errors.New("a method has the first parameter self: borrow<R>, found none")
	}
	if p := f.Params[0].Name; p != "self" {
		return fmt.Errorf("a method's first parameter is self, found %q", p)
	}
	b, ok := f.Params[0].Type.(*types.Borrow)
	if !ok {
		return errors.New("a method's first parameter is of type borrow<R>")
	}
	return sameResource(n, b.Resource, resources)
}

func sameResource(n name, r *types.Resource, resources *resourceNames) error {
	text, ok := resources.names[r]
	if !ok {
		return fmt.Errorf("the resource in the function's type has no name in this scope, expected %q", n.resource)
	}
	if text != strings.ToLower(n.resource) {
		return fmt.Errorf("the function's type is about the resource %q, its name about %q", text, n.resource)
	}
	return nil
}
