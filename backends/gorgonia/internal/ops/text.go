package ops

import (
	"regexp"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// texts are the operators on strings.
func texts() []op.Spec {
	return []op.Spec{
		{Name: "RegexFullMatch", Since: 20, MinIn: 1, MaxIn: 1, Compile: regexFullMatch},
		{Name: "StringConcat", Since: 20, MinIn: 2, MaxIn: 2, Compile: stringConcat},
		{Name: "StringNormalizer", Since: 10, MinIn: 1, MaxIn: 1, Compile: stringNormalizer},
		{Name: "StringSplit", Since: 20, MinIn: 1, MaxIn: 1, MaxOut: 2, Compile: stringSplit},
		{Name: "TfIdfVectorizer", Since: 9, MinIn: 1, MaxIn: 1, Compile: tfIdfVectorizer},
	}
}

// regexFullMatch says which strings match a pattern as a whole.
//
// See https://onnx.ai/onnx/operators/onnx__RegexFullMatch.html
func regexFullMatch(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.String); err != nil {
		return nil, err
	}
	pattern := n.Str("pattern", "")
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, n.Errorf("pattern %q: %v", pattern, err)
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[bool](out[0])
		r.For(len(dst), 64, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				dst[i] = re.MatchString(in[0].Strings[i])
			}
		})
		return nil
	}, op.Out(tensor.Bool, n.In[0].Shape...))
}

// stringConcat puts strings behind others, with broadcasting.
func stringConcat(n *op.Node) (*op.Plan, error) {
	for i := range 2 {
		if err := n.Want(i, tensor.String); err != nil {
			return nil, err
		}
	}
	shape, err := op.Broadcast(n.In[0].Shape, n.In[1].Shape)
	if err != nil {
		return nil, err
	}
	a, b := broadcastStrides(n.In[0].Shape, shape), broadcastStrides(n.In[1].Shape, shape)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := out[0].Strings
		if len(dst) == 0 {
			return nil
		}
		w := newWalk(shape, a, b, 0)
		for i := range dst {
			left, right := in[0].Strings[w.to], in[1].Strings[w.from]
			if err := r.Take(int64(len(left) + len(right))); err != nil {
				return err
			}
			if i%1024 == 0 && r.Stopped() {
				return op.ErrStopped
			}
			dst[i] = left + right
			w.next()
		}
		return nil
	}, op.Out(tensor.String, shape...))
}

// stringNormalizer drops stop words, and changes the case of what is left.
//
// See https://onnx.ai/onnx/operators/onnx__StringNormalizer.html
func stringNormalizer(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.String); err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	if len(shape) != 1 && (len(shape) != 2 || shape[0] != 1) {
		return nil, n.Errorf("the input has the shape %v, expected [C] or [1, C]", shape)
	}
	change := func(s string) string { return s }
	switch action := n.Str("case_change_action", "NONE"); action {
	case "NONE":
	case "LOWER":
		change = strings.ToLower
	case "UPPER":
		change = strings.ToUpper
	default:
		return nil, n.Errorf("case_change_action is %q, expected NONE, LOWER or UPPER", action)
	}
	fold := strings.ToLower
	if n.Flag("is_case_sensitive", false) {
		fold = func(s string) string { return s }
	}
	stop := map[string]bool{}
	for _, w := range n.Strs("stopwords") {
		stop[fold(w)] = true
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		var kept []string
		for _, s := range in[0].(*tensor.Tensor).Strings {
			if !stop[fold(s)] {
				if err := r.Take(int64(16 + len(s))); err != nil {
					return nil, err
				}
				kept = append(kept, change(s))
			}
		}
		if len(kept) == 0 {
			kept = []string{""}
		}
		if len(shape) == 2 {
			return []tensor.Value{tensor.Text([]int{1, len(kept)}, kept...)}, nil
		}
		return []tensor.Value{tensor.Text([]int{len(kept)}, kept...)}, nil
	})
}

// stringSplit splits strings at a delimiter, or at spaces, and says into how many.
//
// See https://onnx.ai/onnx/operators/onnx__StringSplit.html
func stringSplit(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.String); err != nil {
		return nil, err
	}
	delimiter, most := n.Str("delimiter", ""), -1
	if n.Attr("maxsplit") {
		most = int(min(max(n.Int("maxsplit", 0), -1), 1<<31))
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		t := in[0].(*tensor.Tensor)
		counts, err := r.New(tensor.I64, t.Shape...)
		if err != nil {
			return nil, err
		}
		var parts [][]string
		widest := 0
		for i, s := range t.Strings {
			if err := r.Take(int64(16 * (1 + len(s)))); err != nil {
				return nil, err
			}
			parts = append(parts, splitText(s, delimiter, most))
			tensor.As[int64](counts)[i] = int64(len(parts[i]))
			widest = max(widest, len(parts[i]))
		}
		out, err := r.New(tensor.String, append(append([]int{}, t.Shape...), widest)...)
		if err != nil {
			return nil, err
		}
		for i, p := range parts {
			copy(out.Strings[i*widest:], p)
		}
		return []tensor.Value{out, counts}, nil
	})
}

// splitText splits as Python does.
func splitText(s, delimiter string, most int) []string {
	if delimiter != "" {
		if s == "" {
			return nil
		}
		if most < 0 {
			return strings.Split(s, delimiter)
		}
		return strings.SplitN(s, delimiter, most+1)
	}
	var parts []string
	for s = strings.TrimSpace(s); s != ""; {
		at := strings.IndexAny(s, " \t\n\r\v\f")
		if at < 0 || most >= 0 && len(parts) >= most {
			return append(parts, s)
		}
		parts = append(parts, s[:at])
		s = strings.TrimLeft(s[at:], " \t\n\r\v\f")
	}
	return parts
}

// grams are the sequences that TfIdfVectorizer counts.
type grams struct {
	least, most, skip int
	mode              string
	weights           []float32
	// column of each sequence, by its parts.
	column map[string]int
	width  int
}

// tfIdfVectorizer counts, in each row, how often sequences of words come.
//
// See https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html
func tfIdfVectorizer(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.String, tensor.I32, tensor.I64); err != nil {
		return nil, err
	}
	shape := n.In[0].Shape
	if len(shape) != 1 && len(shape) != 2 {
		return nil, n.Errorf("the input has %d dimensions, expected 1 or 2", len(shape))
	}
	g := &grams{mode: n.Str("mode", ""), weights: n.Floats("weights")}
	if err := g.read(n); err != nil {
		return nil, err
	}
	rows := 1
	if len(shape) == 2 {
		rows = shape[0]
	}
	out := append(append([]int{}, shape[:len(shape)-1]...), g.width)
	length := shape[len(shape)-1]
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		dst := tensor.As[float32](out[0])
		clear(dst)
		words, err := wordsOf(r, in[0])
		if err != nil {
			return err
		}
		r.For(rows, grainOf(length), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				g.count(r, dst[i*g.width:][:g.width], words[i*length:][:length])
			}
		})
		return r.Err()
	}, op.Out(tensor.FP32, out...))
}

// wordsOf are the elements of a tensor as words, each ended in a way that no other can
// be taken for.
func wordsOf(r *op.Run, t *tensor.Tensor) ([]string, error) {
	if err := spare(r, 40*t.Len()); err != nil {
		return nil, err
	}
	words := make([]string, t.Len())
	if t.Type == tensor.String {
		for i, s := range t.Strings {
			words[i] = word(s)
		}
		return words, nil
	}
	v, err := t.Int64s()
	for i, x := range v {
		words[i] = number64(x)
	}
	return words, err
}

func word(s string) string { return number64(int64(len(s))) + s }

func number64(v int64) string {
	var b [8]byte
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return string(b[:])
}

func (g *grams) read(n *op.Node) error {
	low, high, skip := n.Int("min_gram_length", 0), n.Int("max_gram_length", 0), n.Int("max_skip_count", 0)
	if low < 1 || high < low || high > 64 || skip < 0 || skip > 1<<20 {
		return n.Errorf("sequences of %d to %d words with up to %d between are out of range", low, high, skip)
	}
	g.least, g.most, g.skip = int(low), int(high), int(skip)
	if g.mode != "TF" && g.mode != "IDF" && g.mode != "TFIDF" {
		return n.Errorf("mode is %q, expected TF, IDF or TFIDF", g.mode)
	}
	var pool []string
	for _, s := range n.Strs("pool_strings") {
		pool = append(pool, word(s))
	}
	if n.In[0].Type != tensor.String {
		for _, v := range n.Ints("pool_int64s") {
			pool = append(pool, number64(v))
		}
	}
	counts, indexes := n.Ints("ngram_counts"), n.Ints("ngram_indexes")
	g.column = map[string]int{}
	next := 0
	for length := 1; length <= len(counts); length++ {
		first, end := counts[length-1], int64(len(pool))
		if length < len(counts) {
			end = counts[length]
		}
		if first < 0 || end < first || end > int64(len(pool)) || (end-first)%int64(length) != 0 {
			return n.Errorf("ngram_counts are %v, for a pool of %d", counts, len(pool))
		}
		for at := int(first); at < int(end); at += length {
			if next >= len(indexes) || indexes[next] < 0 || indexes[next] > 1<<31 {
				return n.Errorf("there are %d ngram_indexes, or one out of range", len(indexes))
			}
			if length >= g.least && length <= g.most {
				g.column[strings.Join(pool[at:at+length], "")] = next
			}
			next++
		}
	}
	for k, i := range g.column {
		g.column[k] = int(indexes[i])
	}
	for _, i := range indexes {
		g.width = max(g.width, int(i)+1)
	}
	if g.weights != nil && len(g.weights) != len(indexes) {
		return n.Errorf("there are %d weights for %d sequences", len(g.weights), len(indexes))
	}
	if g.weights != nil {
		byColumn := make([]float32, g.width)
		for i, c := range indexes {
			byColumn[c] = g.weights[i]
		}
		g.weights = byColumn
	}
	return nil
}

// count sets one row.
func (g *grams) count(r *op.Run, row []float32, words []string) {
	for length := g.least; length <= g.most; length++ {
		for skip := 0; skip <= g.skip; skip++ {
			if length == 1 && skip > 0 {
				break
			}
			span := (length-1)*(skip+1) + 1
			if span > len(words) || r.Stopped() {
				break
			}
			for at := 0; at+span <= len(words); at++ {
				var b strings.Builder
				for k := range length {
					b.WriteString(words[at+k*(skip+1)])
				}
				if c, ok := g.column[b.String()]; ok {
					row[c]++
				}
			}
		}
	}
	for i, v := range row {
		weight := float32(1)
		if g.weights != nil {
			weight = g.weights[i]
		}
		switch {
		case v == 0 || g.mode == "TF":
		case g.mode == "IDF":
			row[i] = weight
		default:
			row[i] = v * weight
		}
	}
}
