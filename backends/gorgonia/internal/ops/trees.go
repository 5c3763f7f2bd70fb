package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// mlDomain is the set of classical machine learning.
const mlDomain = "ai.onnx.ml"

// trees are the ensembles of decision trees.
func trees() []op.Spec {
	return []op.Spec{
		{Domain: mlDomain, Name: "TreeEnsemble", Since: 5, MinIn: 1, MaxIn: 1, Compile: treeEnsemble},
		{Domain: mlDomain, Name: "TreeEnsembleClassifier", Since: 1, MinIn: 1, MaxIn: 1, MaxOut: 2, Compile: treeClassifier},
		{Domain: mlDomain, Name: "TreeEnsembleRegressor", Since: 1, MinIn: 1, MaxIn: 1, Compile: treeRegressor},
	}
}

// branch is a node of a tree. Its followers are numbers of nodes, or of leaves in
// complement.
type branch struct {
	feature int
	mode    string
	value   float64
	members []float64
	missing bool // where NaN goes
	yes, no int
}

// vote is what a leaf adds to a target.
type vote struct {
	target int
	weight float64
}

// forest is an ensemble.
type forest struct {
	nodes   []branch
	leaves  [][]vote
	roots   []int
	targets int
	reduce  string
	base    []float64
}

func (b *branch) holds(v float64) bool {
	if v != v && b.missing {
		return true
	}
	switch b.mode {
	case "BRANCH_LEQ":
		return v <= b.value
	case "BRANCH_LT":
		return v < b.value
	case "BRANCH_GTE":
		return v >= b.value
	case "BRANCH_GT":
		return v > b.value
	case "BRANCH_EQ":
		return v == b.value
	case "BRANCH_NEQ":
		return v != b.value
	}
	for _, m := range b.members {
		if v == m {
			return true
		}
	}
	return false
}

// leaf is where a row ends up, -1 when it goes in a circle.
func (f *forest) leaf(at int, row []float64) int {
	for range len(f.nodes) + 1 {
		if at < 0 {
			return ^at
		}
		b := &f.nodes[at]
		if b.holds(row[b.feature]) {
			at = b.yes
		} else {
			at = b.no
		}
	}
	return -1
}

// rows runs the ensemble on rows of features, and calls done with the sums of each,
// and which of them have votes, or a base.
func (f *forest) rows(r *op.Run, t *tensor.Tensor, done func(i int, sums []float64, voted []bool)) error {
	if err := spare(r, 8*t.Len()); err != nil {
		return err
	}
	x, err := t.Float64s()
	if err != nil {
		return err
	}
	count, width := matrixOf(t.Shape)
	var fail failure
	r.For(count, grainOf(64*len(f.roots)), func(lo, hi int) {
		sums, any := make([]float64, f.targets), make([]bool, f.targets)
		for i := lo; i < hi && !r.Stopped(); i++ {
			clear(sums)
			clear(any)
			for _, root := range f.roots {
				k := f.leaf(root, x[i*width:][:width])
				if k < 0 {
					fail.set((&op.Node{}).Errorf("a tree goes in a circle"))
					return
				}
				for _, v := range f.leaves[k] {
					sums[v.target] = f.join(sums[v.target], v.weight, any[v.target])
					any[v.target] = true
				}
			}
			f.close(sums)
			for k := range min(len(f.base), f.targets) {
				any[k] = true
			}
			done(i, sums, any)
		}
	})
	if fail.failed() {
		return fail.err()
	}
	return r.Err()
}

func (f *forest) join(a, b float64, any bool) float64 {
	switch {
	case !any:
		return b
	case f.reduce == "MIN":
		return min(a, b)
	case f.reduce == "MAX":
		return max(a, b)
	}
	return a + b
}

func (f *forest) close(sums []float64) {
	for i := range sums {
		if f.reduce == "AVERAGE" {
			sums[i] /= float64(max(len(f.roots), 1))
		}
		if i < len(f.base) {
			sums[i] += f.base[i]
		}
	}
}

// matrixOf is a shape as rows and columns.
func matrixOf(shape []int) (rows, cols int) {
	switch len(shape) {
	case 0:
		return 1, 1
	case 1:
		return 1, shape[0]
	}
	return shape[0], tensor.Size(shape[1:])
}

// check sees to it that all numbers in the ensemble are inside of what they count.
func (f *forest) check(n *op.Node) error {
	_, width := matrixOf(n.In[0].Shape)
	inside := func(k int) bool { return k >= -len(f.leaves) && k < len(f.nodes) }
	for i := range f.nodes {
		b := &f.nodes[i]
		if b.feature < 0 || b.feature >= width || !inside(b.yes) || !inside(b.no) {
			return n.Errorf("node %d tests feature %d of %d, or goes to a node that there is not", i, b.feature, width)
		}
	}
	for _, k := range f.roots {
		if !inside(k) {
			return n.Errorf("a root is a node that there is not")
		}
	}
	for _, votes := range f.leaves {
		for _, v := range votes {
			if v.target < 0 || v.target >= f.targets {
				return n.Errorf("a leaf is of target %d, of %d", v.target, f.targets)
			}
		}
	}
	switch f.reduce {
	case "SUM", "AVERAGE", "MIN", "MAX":
		return nil
	}
	return n.Errorf("aggregate_function is %q, expected SUM, AVERAGE, MIN or MAX", f.reduce)
}

// modes are the tests of TreeEnsemble, by number.
var treeModes = []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER"}

// transforms are what is done to scores, by number in TreeEnsemble.
var transforms = []string{"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"}

// maxTargets bounds the outputs of an ensemble.
const maxTargets = 1 << 24

// treeEnsemble runs decision trees.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
func treeEnsemble(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.FP32, tensor.FP64, tensor.FP16); err != nil {
		return nil, err
	}
	f := &forest{targets: int(min(max(n.Int("n_targets", 1), 0), maxTargets))}
	reduce, post := n.Int("aggregate_function", 1), n.Int("post_transform", 0)
	if reduce < 0 || reduce > 3 || post < 0 || post >= int64(len(transforms)) {
		return nil, n.Errorf("aggregate_function is %d and post_transform %d", reduce, post)
	}
	f.reduce = []string{"AVERAGE", "SUM", "MIN", "MAX"}[reduce]
	if err := f.readFlat(n); err != nil {
		return nil, err
	}
	return f.scores(n, n.In[0].Type, transforms[post])
}

func floatsAttr(n *op.Node, name string) ([]float64, error) {
	t := n.Tensor(name)
	if t == nil {
		return nil, nil
	}
	v, err := t.Float64s()
	if err != nil {
		return nil, n.Errorf("attribute %q is %v", name, err)
	}
	return v, nil
}

// readFlat reads the ensemble of a TreeEnsemble.
func (f *forest) readFlat(n *op.Node) error {
	splits, err := floatsAttr(n, "nodes_splits")
	if err != nil {
		return err
	}
	weights, err := floatsAttr(n, "leaf_weights")
	if err != nil {
		return err
	}
	members, err := floatsAttr(n, "membership_values")
	if err != nil {
		return err
	}
	given := n.Tensor("nodes_modes")
	if given == nil {
		return n.Errorf("attribute \"nodes_modes\" is missing")
	}
	modes, err := given.Int64s()
	if err != nil {
		return n.Errorf("attribute \"nodes_modes\" is %v", err)
	}
	features, yes, no := n.Ints("nodes_featureids"), n.Ints("nodes_truenodeids"), n.Ints("nodes_falsenodeids")
	yesLeaf, noLeaf, missing := n.Ints("nodes_trueleafs"), n.Ints("nodes_falseleafs"), n.Ints("nodes_missing_value_tracks_true")
	count := len(splits)
	for _, k := range []int{len(modes), len(features), len(yes), len(no), len(yesLeaf), len(noLeaf)} {
		if k != count {
			return n.Errorf("the nodes' attributes have %d and %d elements: expected as many", count, k)
		}
	}
	next := func(id, leaf int64) int {
		if leaf != 0 {
			return ^int(id)
		}
		return int(id)
	}
	for i := range count {
		if modes[i] < 0 || modes[i] >= int64(len(treeModes)) {
			return n.Errorf("a node's mode is %d", modes[i])
		}
		b := branch{feature: int(features[i]), mode: treeModes[modes[i]], value: splits[i], yes: next(yes[i], yesLeaf[i]), no: next(no[i], noLeaf[i])}
		b.missing = i < len(missing) && missing[i] != 0
		if b.mode == "BRANCH_MEMBER" {
			end := 0
			for end < len(members) && members[end] == members[end] {
				end++
			}
			b.members, members = members[:end], members[min(end+1, len(members)):]
		}
		f.nodes = append(f.nodes, b)
	}
	targets := n.Ints("leaf_targetids")
	if len(targets) != len(weights) {
		return n.Errorf("there are %d leaves and %d weights", len(targets), len(weights))
	}
	for i, t := range targets {
		f.leaves = append(f.leaves, []vote{{int(t), weights[i]}})
	}
	for _, root := range n.Ints("tree_roots") {
		k := int(root)
		if root >= 0 && root < int64(count) && yesLeaf[k] != 0 && noLeaf[k] != 0 && yes[k] == no[k] {
			k = ^int(yes[k])
		}
		f.roots = append(f.roots, k)
	}
	return f.check(n)
}

// scores is the plan that gives the targets of each row.
func (f *forest) scores(n *op.Node, t tensor.Type, post string) (*op.Plan, error) {
	rows, _ := matrixOf(n.In[0].Shape)
	if err := knownTransform(n, post); err != nil {
		return nil, err
	}
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		if err := spare(r, 8*out[0].Len()); err != nil {
			return err
		}
		made := make([]float64, out[0].Len())
		if err := f.rows(r, in[0], func(i int, sums []float64, _ []bool) {
			transform(post, sums)
			copy(made[i*f.targets:], sums)
		}); err != nil {
			return err
		}
		fromFloats(out[0], made)
		return nil
	}, op.Out(t, rows, f.targets))
}

func knownTransform(n *op.Node, post string) error {
	for _, t := range transforms {
		if t == post {
			return nil
		}
	}
	return n.Errorf("post_transform is %q, expected one of %v", post, transforms)
}

func logistic(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// transform is what is done to the scores of one row.
func transform(post string, v []float64) {
	switch post {
	case "LOGISTIC":
		for i, x := range v {
			v[i] = logistic(x)
		}
	case "PROBIT":
		for i, x := range v {
			v[i] = math.Sqrt2 * math.Erfinv(2*x-1)
		}
	case "SOFTMAX", "SOFTMAX_ZERO":
		most, sum := math.Inf(-1), 0.0
		for _, x := range v {
			most = max(most, x)
		}
		for i, x := range v {
			if post == "SOFTMAX_ZERO" && x == 0 {
				continue
			}
			v[i] = math.Exp(x - most)
			sum += v[i]
		}
		normalise(v, sum)
	}
}

// treeRegressor runs decision trees that give numbers.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html
func treeRegressor(n *op.Node) (*op.Plan, error) {
	f := &forest{targets: int(min(max(n.Int("n_targets", 1), 0), maxTargets)), reduce: n.Str("aggregate_function", "SUM")}
	if err := f.read(n, "target"); err != nil {
		return nil, err
	}
	return f.scores(n, tensor.FP32, n.Str("post_transform", "NONE"))
}

// eitherFloats is an attribute, or the tensor that it may be given as.
func eitherFloats(n *op.Node, name string) ([]float64, error) {
	if n.Attr(name + "_as_tensor") {
		return floatsAttr(n, name+"_as_tensor")
	}
	var out []float64
	for _, v := range n.Floats(name) {
		out = append(out, float64(v))
	}
	return out, nil
}

// read reads an ensemble whose nodes are named by a tree and a number.
func (f *forest) read(n *op.Node, leaf string) error {
	if err := n.Want(0, tensor.FP32, tensor.FP64, tensor.I64, tensor.I32); err != nil {
		return err
	}
	type id struct{ tree, node int64 }
	treesOf, ids, features := n.Ints("nodes_treeids"), n.Ints("nodes_nodeids"), n.Ints("nodes_featureids")
	modes, yes, no := n.Strs("nodes_modes"), n.Ints("nodes_truenodeids"), n.Ints("nodes_falsenodeids")
	missing := n.Ints("nodes_missing_value_tracks_true")
	values, err := eitherFloats(n, "nodes_values")
	if err != nil {
		return err
	}
	for _, k := range []int{len(treesOf), len(features), len(modes), len(yes), len(no), len(values)} {
		if k != len(ids) {
			return n.Errorf("the nodes' attributes have %d and %d elements: expected as many", len(ids), k)
		}
	}
	at := map[id]int{}
	for i := range ids {
		k := id{treesOf[i], ids[i]}
		if _, again := at[k]; again {
			return n.Errorf("tree %d has node %d twice", k.tree, k.node)
		}
		if modes[i] == "LEAF" {
			f.leaves = append(f.leaves, nil)
			at[k] = -len(f.leaves)
		} else {
			at[k] = len(f.nodes)
			f.nodes = append(f.nodes, branch{feature: int(features[i]), mode: modes[i], value: values[i], missing: i < len(missing) && missing[i] != 0})
		}
		if i == 0 || treesOf[i] != treesOf[i-1] {
			f.roots = append(f.roots, at[k])
		}
	}
	for i := range ids {
		k := at[id{treesOf[i], ids[i]}]
		if k < 0 {
			continue
		}
		known := false
		for _, m := range treeModes[:6] {
			known = known || m == modes[i]
		}
		a, isA := at[id{treesOf[i], yes[i]}]
		b, isB := at[id{treesOf[i], no[i]}]
		if !known || !isA || !isB {
			return n.Errorf("node %d of tree %d has the mode %q and goes to %d and %d", ids[i], treesOf[i], modes[i], yes[i], no[i])
		}
		f.nodes[k].yes, f.nodes[k].no = a, b
	}
	tree, node, target := n.Ints(leaf+"_treeids"), n.Ints(leaf+"_nodeids"), n.Ints(leaf+"_ids")
	weights, err := eitherFloats(n, leaf+"_weights")
	if err != nil {
		return err
	}
	if len(node) != len(tree) || len(target) != len(tree) || len(weights) != len(tree) {
		return n.Errorf("the leaves' attributes have %d, %d, %d and %d elements: expected as many", len(tree), len(node), len(target), len(weights))
	}
	for i := range tree {
		k, ok := at[id{tree[i], node[i]}]
		if !ok || k >= 0 {
			return n.Errorf("node %d of tree %d is no leaf", node[i], tree[i])
		}
		f.leaves[^k] = append(f.leaves[^k], vote{int(target[i]), weights[i]})
	}
	if f.base, err = eitherFloats(n, "base_values"); err != nil {
		return err
	}
	return f.check(n)
}

// labels are the classes of a classifier.
type labels struct {
	ints []int64
	text []string
}

func newLabels(n *op.Node, ints, text string) *labels { return &labels{n.Ints(ints), n.Strs(text)} }

func (l *labels) count() int { return max(len(l.ints), len(l.text)) }

func (l *labels) elem() tensor.Type {
	if len(l.text) > 0 {
		return tensor.String
	}
	return tensor.I64
}

func (l *labels) put(t *tensor.Tensor, i, class int) {
	switch {
	case t == nil:
	case len(l.text) > 0:
		t.Strings[i] = l.text[class]
	case class < len(l.ints):
		tensor.As[int64](t)[i] = l.ints[class]
	default:
		tensor.As[int64](t)[i] = int64(class)
	}
}

// best is the class of the greatest score, the first of equal ones.
func best(v []float64) int {
	k := 0
	for i := range v {
		if v[i] > v[k] {
			k = i
		}
	}
	return k
}

// bestVoted is the class of the greatest score of those that have votes.
func bestVoted(v []float64, voted []bool) int {
	k := -1
	for i := range v {
		if voted[i] && (k < 0 || v[i] > v[k]) {
			k = i
		}
	}
	return max(k, 0)
}

// treeClassifier runs decision trees that vote for classes.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html
func treeClassifier(n *op.Node) (*op.Plan, error) {
	l := newLabels(n, "classlabels_int64s", "classlabels_strings")
	if l.count() == 0 {
		return nil, n.Errorf("there are no class labels")
	}
	f := &forest{targets: l.count(), reduce: "SUM"}
	if err := f.read(n, "class"); err != nil {
		return nil, err
	}
	post := n.Str("post_transform", "NONE")
	if err := knownTransform(n, post); err != nil {
		return nil, err
	}
	single, positive := l.count() == 2, true
	only := -1
	for _, votes := range f.leaves {
		for _, v := range votes {
			single = single && (only < 0 || only == v.target)
			only = v.target
			positive = positive && v.weight >= 0
		}
	}
	rows, _ := matrixOf(n.In[0].Shape)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return f.rows(r, in[0], func(i int, sums []float64, voted []bool) {
			class := bestVoted(sums, voted)
			if single && only >= 0 {
				class = binary2(post, positive, sums[only], sums)
			} else {
				transform(post, sums)
			}
			l.put(out[0], i, class)
			if len(out) > 1 && out[1] != nil {
				convertFloats(tensor.As[float32](out[1])[i*f.targets:], sums)
			}
		})
	}, op.Out(l.elem(), rows), op.Out(tensor.FP32, rows, f.targets))
}

// binary2 makes the scores of two classes of that of one, and gives the class.
func binary2(post string, positive bool, score float64, out []float64) int {
	limit := 0.0
	if positive {
		limit = 0.5
	}
	switch {
	case post == "PROBIT":
		v := math.Sqrt2 * math.Erfinv(2*score-1)
		out[0], out[1] = 1-v, v
	case positive:
		out[0], out[1] = 1-score, score
	default:
		out[0], out[1] = -score, score
		transform(post, out)
	}
	if score > limit {
		return 1
	}
	return 0
}
