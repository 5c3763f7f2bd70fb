package ops

import (
	"math"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// vectorMachines are the operators that compare rows with support vectors.
func vectorMachines() []op.Spec {
	return []op.Spec{
		{Domain: mlDomain, Name: "SVMClassifier", Since: 1, MinIn: 1, MaxIn: 1, MaxOut: 2, Compile: svmClassifier},
		{Domain: mlDomain, Name: "SVMRegressor", Since: 1, MinIn: 1, MaxIn: 1, Compile: svmRegressor},
	}
}

// kernelOf is how alike two rows are.
type kernelOf func(x, y []float64) float64

func dotProduct(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// svmKernel reads the kernel and its parameters.
func svmKernel(n *op.Node) (kernelOf, error) {
	var params [3]float64
	for i, v := range n.Floats("kernel_params")[:min(3, len(n.Floats("kernel_params")))] {
		params[i] = float64(v)
	}
	gamma, offset, degree := params[0], params[1], params[2]
	switch kind := n.Str("kernel_type", "LINEAR"); kind {
	case "LINEAR":
		return dotProduct, nil
	case "POLY":
		return func(x, y []float64) float64 { return math.Pow(gamma*dotProduct(x, y)+offset, degree) }, nil
	case "SIGMOID":
		return func(x, y []float64) float64 { return math.Tanh(gamma*dotProduct(x, y) + offset) }, nil
	case "RBF":
		return func(x, y []float64) float64 {
			sum := 0.0
			for i, v := range x {
				sum += (v - y[i]) * (v - y[i])
			}
			return math.Exp(-gamma * sum)
		}, nil
	default:
		return nil, n.Errorf("kernel_type is %q, expected LINEAR, POLY, RBF or SIGMOID", kind)
	}
}

func doublesOf(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// svm is a compiled SVMClassifier or SVMRegressor.
type svm struct {
	kernel          kernelOf
	vectors, weight []float64
	rho             []float64
	width, count    int // features, and support vectors
}

func newSVM(n *op.Node, count int) (*svm, error) {
	k, err := svmKernel(n)
	if err != nil {
		return nil, err
	}
	_, width := matrixOf(n.In[0].Shape)
	m := &svm{kernel: k, width: width, count: count, weight: doublesOf(n.Floats("coefficients")), rho: doublesOf(n.Floats("rho"))}
	if count > 0 {
		m.vectors = doublesOf(n.Floats("support_vectors"))
		if len(m.vectors)/count != width || len(m.vectors)%count != 0 {
			return nil, n.Errorf("there are %d elements of %d support vectors, and %d features", len(m.vectors), count, width)
		}
	}
	return m, nil
}

// alike are the kernel's values of a row and each support vector.
func (m *svm) alike(dst, row []float64) {
	for i := range dst {
		dst[i] = m.kernel(row, m.vectors[i*m.width:][:m.width])
	}
}

// svmRegressor gives the sum of kernels, weighed.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_SVMRegressor.html
func svmRegressor(n *op.Node) (*op.Plan, error) {
	count := n.Int("n_supports", 0)
	if count < 0 || count > int64(len(n.Floats("support_vectors"))) {
		return nil, n.Errorf("n_supports is %d, and there are %d elements of vectors", count, len(n.Floats("support_vectors")))
	}
	m, err := newSVM(n, int(count))
	if err != nil {
		return nil, err
	}
	want := m.count
	if m.count == 0 { // a linear model
		want, m.kernel = m.width, dotProduct
	}
	if len(m.weight) != want || len(m.rho) != 1 {
		return nil, n.Errorf("there are %d coefficients and %d of rho, expected %d and 1", len(m.weight), len(m.rho), want)
	}
	post := n.Str("post_transform", "NONE")
	if err := knownTransform(n, post); err != nil {
		return nil, err
	}
	one := n.Flag("one_class", false)
	return eachRow(n, 1, func(dst, row []float64) {
		sum := m.rho[0]
		if m.count == 0 {
			sum += dotProduct(m.weight, row)
		}
		for i := range m.count {
			sum += m.weight[i] * m.kernel(row, m.vectors[i*m.width:][:m.width])
		}
		switch {
		case one && sum > 0:
			sum = 1
		case one:
			sum = -1
		}
		dst[0] = sum
		if post == "PROBIT" { // others are for the scores of several
			transform(post, dst)
		}
	})
}

// classes is a compiled SVMClassifier.
type classes struct {
	*svm
	labels         *labels
	perClass       []int // support vectors of each class, and where they begin
	first          []int
	probA, probB   []float64
	post           string
	pairs, columns int
}

// svmClassifier lets each two classes vote, or is a linear model for each class where
// there are no support vectors.
//
// See https://onnx.ai/onnx/operators/onnx_aionnxml_SVMClassifier.html
func svmClassifier(n *op.Node) (*op.Plan, error) {
	c := &classes{labels: newLabels(n, "classlabels_ints", "classlabels_strings"), probA: doublesOf(n.Floats("prob_a")), probB: doublesOf(n.Floats("prob_b")), post: n.Str("post_transform", "NONE")}
	if err := knownTransform(n, c.post); err != nil {
		return nil, err
	}
	total := 0
	for _, v := range n.Ints("vectors_per_class") {
		if v < 0 || v > int64(len(n.Floats("support_vectors"))) {
			return nil, n.Errorf("vectors_per_class are %v, and there are %d elements of vectors", n.Ints("vectors_per_class"), len(n.Floats("support_vectors")))
		}
		c.first = append(c.first, total)
		c.perClass = append(c.perClass, int(v))
		total += int(v)
	}
	var err error
	if c.svm, err = newSVM(n, total); err != nil {
		return nil, err
	}
	if err := c.check(n); err != nil {
		return nil, err
	}
	rows, width := matrixOf(n.In[0].Shape)
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return featureRows(r, in[0], rows, width, c.scratch(), c.scores, func(i int, all []float64) {
			class := int(all[c.columns])
			c.labels.put(out[0], i, class)
			if len(out) > 1 && out[1] != nil {
				convertFloats(tensor.As[float32](out[1])[i*c.columns:], all[:c.columns])
			}
		})
	}, op.Out(c.labels.elem(), rows), op.Out(tensor.FP32, rows, c.columns))
}

// check checks numbers of classes, weights and vectors against each other.
func (c *classes) check(n *op.Node) error {
	k := c.labels.count()
	if k == 0 || k > 1<<12 {
		return n.Errorf("there are %d class labels", k)
	}
	c.columns = k
	if c.count == 0 {
		c.kernel = dotProduct
		if len(c.weight) != k*c.width || len(c.rho) == 0 {
			return n.Errorf("there are %d coefficients and %d of rho, for %d classes and %d features", len(c.weight), len(c.rho), k, c.width)
		}
		return nil
	}
	c.pairs = k * (k - 1) / 2
	if len(c.perClass) != k || len(c.weight) != (k-1)*c.count || len(c.rho) != c.pairs || len(c.probA) != len(c.probB) || len(c.probA) != 0 && len(c.probA) != c.pairs {
		return n.Errorf("there are %d classes with %d vectors, %d coefficients, %d of rho and %d of prob_a", k, len(c.perClass), len(c.weight), len(c.rho), len(c.probA))
	}
	if len(c.probA) == 0 && k > 2 {
		c.columns = c.pairs
	}
	return nil
}

// scratch is how many numbers a row takes: its scores and its class, and then what they
// are made of.
func (c *classes) scratch() int {
	return c.columns + 1 + c.count + c.pairs + c.labels.count()
}

// scores writes the scores of a row, and then its class.
func (c *classes) scores(dst, row []float64) {
	k := c.labels.count()
	scores := dst[:c.columns]
	if c.count == 0 {
		for i := range scores {
			scores[i] = dotProduct(c.weight[i*c.width:][:c.width], row) + c.rho[0]
		}
		dst[c.columns] = float64(best(scores))
		transform(c.post, scores)
		return
	}
	rest := dst[c.columns+1:]
	kernels, pairs, votes := rest[:c.count], rest[c.count:][:c.pairs], rest[c.count+c.pairs:][:k]
	c.alike(kernels, row)
	clear(votes)
	c.duel(kernels, pairs, votes)
	class := best(votes)
	switch {
	case len(c.probA) > 0:
		c.probabilities(pairs, scores)
		transform(c.post, scores)
	case k == 2:
		c.binary(pairs[0], scores)
	default:
		copy(scores, pairs)
		transform(c.post, scores)
	}
	dst[c.columns] = float64(class)
}

// duel computes the score of each two classes, and counts which one each is for.
func (c *classes) duel(kernels, pairs, votes []float64) {
	k, at := len(votes), 0
	for i := range k - 1 {
		for j := i + 1; j < k; j++ {
			sum := c.rho[at]
			for m := range c.perClass[i] {
				sum += c.weight[(j-1)*c.count+c.first[i]+m] * kernels[c.first[i]+m]
			}
			for m := range c.perClass[j] {
				sum += c.weight[i*c.count+c.first[j]+m] * kernels[c.first[j]+m]
			}
			if pairs[at] = sum; sum > 0 {
				votes[i]++
			} else {
				votes[j]++
			}
			at++
		}
	}
}

// binary makes scores of two classes of that of one.
func (c *classes) binary(score float64, scores []float64) {
	switch c.post {
	case "NONE", "LOGISTIC":
		scores[0], scores[1] = -score, score
		transform(c.post, scores)
	case "PROBIT":
		scores[0], scores[1] = score, score
		transform(c.post, scores)
	default:
		scores[0], scores[1] = 1-score, score
	}
}

// probabilities are those of all classes, of the scores of each two: by the second
// approach of Wu, Lin and Weng, "Probability estimates for multi-class classification by
// pairwise coupling", as libsvm takes it.
func (c *classes) probabilities(pairs, p []float64) {
	k, at := len(p), 0
	r, q, qp := make([]float64, k*k), make([]float64, k*k), make([]float64, k)
	for i := range k {
		for j := i + 1; j < k; j++ {
			v := 1 / (1 + math.Exp(pairs[at]*c.probA[at]+c.probB[at]))
			v = min(max(v, 1e-7), 1-1e-7)
			r[i*k+j], r[j*k+i] = v, 1-v
			at++
		}
	}
	for t := range k {
		p[t] = 1 / float64(k)
		for j := range k {
			if j != t {
				q[t*k+t] += r[j*k+t] * r[j*k+t]
				q[t*k+j] = -r[j*k+t] * r[t*k+j]
			}
		}
	}
	for range max(100, k) {
		if couple(p, q, qp) {
			break
		}
	}
}

// couple is one round, which is the last where it is true.
func couple(p, q, qp []float64) bool {
	k, whole := len(p), 0.0
	for t := range k {
		qp[t] = dotProduct(q[t*k:][:k], p)
		whole += p[t] * qp[t]
	}
	most := 0.0
	for _, v := range qp {
		most = max(most, math.Abs(v-whole))
	}
	if most < 0.005/float64(k) {
		return true
	}
	for t := range k {
		diff := (whole - qp[t]) / q[t*k+t]
		p[t] += diff
		whole = (whole + diff*(diff*q[t*k+t]+2*qp[t])) / (1 + diff) / (1 + diff)
		for j := range k {
			qp[j] = (qp[j] + diff*q[t*k+j]) / (1 + diff)
			p[j] /= 1 + diff
		}
	}
	return false
}
