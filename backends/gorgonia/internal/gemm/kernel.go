package gemm

// kernel is a micro-kernel for one instruction set, in all its sizes.
type kernel struct {
	name  string
	rows  int  // of the largest tile
	cols  int  // of the largest tile, and of a packed panel of B
	width int  // columns of a vector: a tile takes a whole number of them
	whole bool // tiles have cols columns of B and of the result, whose last panel is therefore copied
	// A block of k has up to kc steps, so that the rows of A which a tile reads stay
	// in the first-level cache, and meets up to nc columns of B, so that those stay
	// in the second.
	kc, nc int
	// direct is how many tiles of rows may read a plain B before packing it pays. It
	// was measured: wider loads suffer less from rows far apart.
	direct int
	// tiles are the functions for each number of vectors and of rows, both less one.
	tiles [][]func(*tile)

	// dots writes the scalar products of x and each of 4 rows of k elements, stride
	// bytes apart. mask is that of the columns behind the last whole vector.
	dots func(to, rows, x *float32, stride, k uintptr, mask *int32)

	// Where they are not nil: copyRows copies rows of cols elements, src bytes apart,
	// one behind the other; transpose8 writes 8*blocks elements of each of 8 rows, src
	// bytes apart, as columns of rows dst bytes apart.
	copyRows   func(to, from *float32, src, rows uintptr)
	transpose8 func(to, from *float32, dst, src, blocks uintptr)
}

// best is the fastest kernel that this machine can run.
var best = kernels()[0]

// rowPanels says in how many tiles m rows are cut. Their heights differ by one at most.
func (kern *kernel) rowPanels(m int) int { return (m + kern.rows - 1) / kern.rows }

// rowPanel returns the first row and the height of tile p of the panels tiles of m rows.
func rowPanel(m, panels, p int) (first, rows int) {
	first = p*(m/panels) + min(p, m%panels)
	rows = m / panels
	if p < m%panels {
		rows++
	}
	return first, rows
}

// colPanels says in how many panels n columns are cut, each full but the last.
func (kern *kernel) colPanels(n int) int { return (n + kern.cols - 1) / kern.cols }
