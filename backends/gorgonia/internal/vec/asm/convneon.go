package main

import (
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/neon"
)

// The largest tile of a convolution on arm64, in rows by vectors: 24 sums, 4 vectors of
// input and 2 of weights of the 32 registers.
const neonTileRows, neonTileVectors = 6, 4

// emitConvNEON writes the kernels of package conv for arm64.
func emitConvNEON(file *neon.File) {
	for vectors := 1; vectors <= neonTileVectors; vectors++ {
		for rows := 1; rows <= neonTileRows; rows++ {
			emitTileNEON(file, rows, vectors, along)
			emitTileNEON(file, rows, vectors, toOutput)
		}
	}
	emitTileNEON(file, 1, 8, along)
	for rows := 1; rows <= neonTileRows; rows++ {
		emitTileNEON(file, rows, neonTileVectors, across)
	}
	emitFinishNEON(file, false)
	emitFinishNEON(file, true)
	emitEverySecondNEON(file)
	emitCopyRowsNEON(file)
	for _, size := range []int{3, 5} {
		for stride := 1; stride <= 2; stride++ {
			for rows := 1; rows <= depthwiseRows; rows++ {
				emitDepthwiseNEON(file, size, stride, rows)
			}
		}
	}
}

// loadArgs puts arguments into R0 and those behind it.
func loadArgs(f *neon.Func, names ...string) {
	for i, n := range names {
		f.Ins("MOVD %s, R%d", f.Arg(n), i)
	}
}

// lane is one word of a register.
type lane struct {
	v  neon.V
	at int
}

// loadLanes loads n words at a register to as few vectors as can be, and moves it
// behind them where it is told to.
func loadLanes(f *neon.Func, base string, n int, move bool) []lane {
	var lanes []lane
	for at := 0; at < n; {
		size, name := 4, "FMOVQ"
		for size > n-at {
			size, name = size/2, map[int]string{4: "FMOVD", 2: "FMOVS"}[size]
		}
		v := f.Reg()
		if move {
			f.Ins("%s.P %d(%s), F%v", name, 4*size, base, neon.Out(v))
		} else {
			f.Ins("%s %d(%s), F%v", name, 4*at, base, neon.Out(v))
		}
		for i := range size {
			lanes = append(lanes, lane{v, i})
		}
		at += size
	}
	return lanes
}

// loadVectors loads n vectors at a register.
func loadVectors(f *neon.Func, base string, n int) []neon.V {
	v := f.Regs(n)
	for i := 0; i < n; i += 2 {
		if i+1 < n {
			f.LoadPair(v[i], v[i+1], base, 16*i)
		} else {
			f.Load(v[i], base, 16*i)
		}
	}
	return v
}

// emitTileNEON writes what emitTile writes.
func emitTileNEON(file *neon.File, rows, vectors int, kind tileKind) {
	params := "k int, offsets *int32, a, b, c *float32, ldc int"
	if kind == toOutput {
		params += ", end *byte"
	}
	f := file.Func(tileName(asimd, rows, vectors, kind), "func("+params+")", "")
	const k, offsets, a, b, c, ldc, at, end = "R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7"
	loadArgs(f, "k", "offsets", "a", "b", "c", "ldc")
	acc := f.Regs(rows * vectors)
	if kind == toOutput {
		f.Ins("MOVD %s, %s", f.Arg("end"), end)
		f.Ins("MOVD %d(%s), %s", endBias, end, at)
	}
	for i, v := range acc {
		switch {
		case kind != toOutput:
			f.Zero(v)
		case i%vectors == 0:
			f.Ins("VLD1R.P 4(%s), [V%v.S4]", at, neon.Out(v))
		default:
			f.Move(v, acc[i-1])
		}
	}
	f.Label("step")
	f.Ins("MOVW.P 4(%s), %s", offsets, at)
	f.Ins("ADD %s, %s", b, at)
	var x []neon.V
	var y []lane
	if kind == across {
		x = loadVectors(f, a, vectors)
		y = loadLanes(f, at, rows, false)
		f.Ins("ADD $%d, %s", 16*vectors, a)
	} else {
		y = loadLanes(f, a, rows, true)
		x = loadVectors(f, at, vectors)
	}
	for r := range rows {
		for v := range vectors {
			f.Elem(neon.FMLAElem, acc[r*vectors+v], x[v], y[r].v, y[r].at)
		}
	}
	f.Ins("SUB $1, %s", k)
	f.Branch("CBNZ "+k+",", "step")
	if kind == toOutput {
		endTileNEON(f, acc, vectors, end, ldc, at)
	}
	for r := range rows {
		for v := range vectors {
			f.Store(acc[r*vectors+v], c, 16*v)
		}
		if r < rows-1 {
			f.Ins("ADD %s<<2, %s, %[2]s", ldc, c)
		}
	}
	f.Ins("RET")
	f.Done()
}

// endTileNEON writes what emitTileEnd writes.
func endTileNEON(f *neon.Func, acc []neon.V, vectors int, end, ldc, scratch string) {
	f.Ins("MOVD %d(%s), %s", endRes, end, scratch)
	f.Branch("CBZ "+scratch+",", "limits")
	for r := 0; r < len(acc); r += vectors {
		for v, x := range loadVectors(f, scratch, vectors) {
			f.Three(neon.FADD, acc[r+v], acc[r+v], x)
		}
		if r+vectors < len(acc) {
			f.Ins("ADD %s<<2, %s, %[2]s", ldc, scratch)
		}
	}
	f.Label("limits")
	low, high := f.Reg(), f.Reg()
	for i, v := range []neon.V{low, high} {
		f.Ins("ADD $%d, %s, %s", endLow+i*(endHigh-endLow), end, scratch)
		f.Ins("VLD1R (%s), [V%v.S4]", scratch, neon.Out(v))
	}
	for _, v := range acc {
		f.Three(neon.FMAX, v, v, low)
		f.Three(neon.FMIN, v, v, high)
	}
}

// emitCopyRowsNEON writes what emitCopyRows writes.
func emitCopyRowsNEON(file *neon.File) {
	f := file.Func("copyRowsNEON", "func(dst, src *float32, n, rows, dstStride, srcStride int)", "")
	const dst, src, n, rows, dstStride, srcStride, to, from, left = "R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"
	loadArgs(f, "dst", "src", "n", "rows", "dstStride", "srcStride")
	x := f.Reg()
	f.Label("row")
	f.Ins("MOVD %s, %s", dst, to)
	f.Ins("MOVD %s, %s", src, from)
	f.Ins("SUBS $4, %s, %s", n, left)
	f.Branch("BLT", "rest")
	f.Label("vector")
	f.Ins("FMOVQ.P 16(%s), F%v", from, neon.Out(x))
	f.Ins("FMOVQ.P F%v, 16(%s)", neon.In(x), to)
	f.Ins("SUBS $4, %s", left)
	f.Branch("BGE", "vector")
	f.Label("rest")
	f.Ins("ANDS $3, %s, %[1]s", left)
	f.Branch("BEQ", "next")
	f.FirstOf(left, func(n int) {
		f.LoadFirst(x, from, n)
		f.StoreFirst(x, to, n)
	})
	f.Label("next")
	f.Ins("ADD %s<<2, %s, %[2]s", dstStride, dst)
	f.Ins("ADD %s<<2, %s, %[2]s", srcStride, src)
	f.Ins("SUB $1, %s", rows)
	f.Branch("CBNZ "+rows+",", "row")
	f.Ins("RET")
	f.Done()
}

// emitFinishNEON writes what emitFinish writes.
func emitFinishNEON(file *neon.File, residual bool) {
	name, params := "finish", "dst, src *float32, "
	if residual {
		name, params = "finishAdd", "dst, src, res *float32, "
	}
	f := file.Func(name+asimd.name, "func("+params+"n, rows, dstStride, srcStride int, bias, low, high float32)", "")
	arm.Func = f
	const n, rows, dstStride, srcStride, left = "R3", "R4", "R5", "R6", "R7"
	from := []string{"R1", "R2"} // src and res
	const to = "R0"
	rowStarts := map[string]string{to: "R8", from[0]: "R9", from[1]: "R10"}
	loadArgs(f, "dst", "src")
	if residual {
		f.Ins("MOVD %s, %s", f.Arg("res"), from[1])
	} else {
		from = from[:1]
	}
	for _, a := range []string{"n", "rows", "dstStride", "srcStride"} {
		f.Ins("MOVD %s, %s", f.Arg(a), map[string]string{"n": n, "rows": rows, "dstStride": dstStride, "srcStride": srcStride}[a])
	}
	bias, low, high := f.Reg(), f.Reg(), f.Reg()
	f.Float(bias, "bias")
	f.Float(low, "low")
	f.Float(high, "high")
	value := func(in []neon.V) neon.V {
		x := arm.add(in[0], bias)
		if residual {
			x = arm.add(x, in[1])
		}
		return vector(asimd.clamp(x, low, high))
	}
	pointers := append([]string{to}, from...)
	turn := func(vectors int) {
		var parts []func()
		for v := range vectors {
			parts = append(parts, func() {
				in := f.Regs(len(from))
				for i, p := range from {
					f.Load(in[i], p, 16*v)
				}
				f.Store(value(in), to, 16*v)
			})
		}
		f.Interleave(parts...)
		for _, p := range pointers {
			f.Ins("ADD $%d, %s", 16*vectors, p)
		}
		f.Ins("SUBS $%d, %s", 4*vectors, left)
	}
	f.Label("row")
	for _, p := range pointers {
		f.Ins("MOVD %s, %s", p, rowStarts[p])
	}
	f.Ins("SUBS $16, %s, %s", n, left)
	f.Branch("BLT", "few")
	f.Label("many")
	turn(4)
	f.Branch("BGE", "many")
	f.Label("few")
	f.Ins("ADDS $12, %s", left) // 4 less than what is left
	f.Branch("BLT", "rest")
	f.Label("one")
	turn(1)
	f.Branch("BGE", "one")
	f.Label("rest")
	f.Ins("ANDS $3, %s, %[1]s", left)
	f.Branch("BEQ", "next")
	in := f.Regs(len(from))
	for i, p := range from {
		f.FirstOf(left, func(n int) { f.LoadFirst(in[i], p, n) })
	}
	x := value(in)
	f.FirstOf(left, func(n int) { f.StoreFirst(x, to, n) })
	f.Label("next")
	for i, p := range pointers {
		stride := dstStride
		if i == 1 {
			stride = srcStride
		}
		f.Ins("ADD %s<<2, %s, %s", stride, rowStarts[p], p)
	}
	f.Ins("SUB $1, %s", rows)
	f.Branch("CBNZ "+rows+",", "row")
	f.Ins("RET")
	f.Done()
}

// emitEverySecondNEON writes the function that takes every second element apart.
func emitEverySecondNEON(file *neon.File) {
	f := file.Func("everySecondNEON", "func(dst, src *float32, n int)",
		"everySecondNEON is dst[i] = src[2*i] for a multiple n of 8; it reads src[:2*n].")
	loadArgs(f, "dst", "src", "n")
	f.Branch("CBZ R2,", "done")
	f.Label("eight")
	x := loadVectors(f, "R1", 4)
	for i := range 2 {
		f.Three(neon.UZP1, x[2*i], x[2*i], x[2*i+1])
		f.Store(x[2*i], "R0", 16*i)
	}
	f.Ins("ADD $64, R1")
	f.Ins("ADD $32, R0")
	f.Ins("SUB $8, R2")
	f.Branch("CBNZ R2,", "eight")
	f.Label("done")
	f.Ins("RET")
	f.Done()
}

// Registers of the depthwise kernels. Those of shifts are R11 to R15.
const (
	dwArgs, dwSrc, dwTo, dwRecord, dwStrips      = "R0", "R1", "R2", "R3", "R4"
	dwTable, dwDst, dwOutRow, dwBlocks, dwRes    = "R5", "R6", "R7", "R8", "R9"
	dwRow, dwTemp, dwLanes, dwWeights, dwRecord0 = "R10", "R16", "R17", "R19", "R20"
)

// What a record of package conv's table has for a strip of four columns, in bytes: the
// bytes that each vector takes of what is loaded in its place, how far from its place
// that is, and the columns of output that there are, with 8 added where all vectors can
// be loaded where they are.
const (
	recordShifts = 80
	recordLanes  = 120
	recordSize   = 128
)

// depthwiseNEON emits what depthwise emits. No load leaves its row of input: at the
// ends of rows the nearest vector within is loaded, and its words are moved.
type depthwiseNEON struct {
	*neon.Func
	size, stride, rows int
	weights            []lane
	bias               neon.V
	acc                []neon.V
	bytes              []neon.V // that vectors take, at the ends of rows
}

func emitDepthwiseNEON(file *neon.File, size, stride, rows int) {
	d := &depthwiseNEON{Func: file.Func(depthwiseName(asimd, size, stride, rows), "func(args *byte)", ""), size: size, stride: stride, rows: rows}
	d.emit()
	d.Done()
}

// offsets are where the vectors that are loaded of a row of input begin, in bytes.
func (d *depthwiseNEON) offsets() []int {
	if d.stride == 2 {
		return []int{0, 16, 32}
	}
	return []int{0, 4, 8, 12, 16}[:d.size]
}

func (d *depthwiseNEON) splat(at int) neon.V {
	v := d.Reg()
	d.Ins("ADD $%d, %s, %s", at, dwArgs, dwTemp)
	d.Ins("VLD1R (%s), [V%v.S4]", dwTemp, neon.Out(v))
	return v
}

func (d *depthwiseNEON) emit() {
	loadArgs(d.Func, "args")
	arg := func(at int, to string) { d.Ins("MOVD %d(%s), %s", at, dwArgs, to) }
	arg(argWeights, dwWeights)
	d.weights = loadLanes(d.Func, dwWeights, d.size*d.size, false)
	var low, high neon.V
	d.bias, low, high = d.splat(argBias), d.splat(argLow), d.splat(argHigh)
	d.acc = d.Regs(d.rows)
	arg(argRows, dwTable)
	arg(argDst, dwDst)
	arg(argStride, dwOutRow)
	arg(argBlocks, dwBlocks)
	arg(argMasks, dwRecord0)
	// From a row of output to that of what is added.
	arg(argRes, dwRes)
	d.Ins("SUB %s, %s", dwDst, dwRes)

	d.Label("block")
	arg(argSrc, dwSrc)
	arg(argStrips, dwStrips)
	d.Ins("MOVD %s, %s", dwRecord0, dwRecord)
	d.Ins("MOVD %s, %s", dwDst, dwTo)
	d.Label("strip")
	for _, a := range d.acc {
		d.Move(a, d.bias)
	}
	d.Ins("MOVD %d(%s), %s", recordLanes, dwRecord, dwLanes)
	d.Branch("TBZ $3, "+dwLanes+",", "end")
	d.inputRows("within", func(v int) neon.V {
		x := d.Reg()
		d.Load(x, dwRow, d.offsets()[v]-1)
		return x
	})
	d.Branch("JMP", "summed")
	d.Label("end")
	d.bytes = d.Regs(len(d.offsets()))
	for i, v := range d.bytes {
		d.Load(v, dwRecord, 16*i)
		d.Ins("MOVD %d(%s), R%d", recordShifts+8*i, dwRecord, 11+i)
	}
	d.inputRows("end", func(v int) neon.V {
		x := d.Reg()
		d.Ins("ADD R%d, %s, %s", 11+v, dwRow, dwTemp)
		d.Load(x, dwTemp, d.offsets()[v]-1)
		d.Lookup(x, x, d.bytes[v])
		return x
	})
	d.Label("summed")
	d.Branch("TBZ $2, "+dwLanes+",", "some")
	d.store(low, high, func(each func(n int)) { each(4) })
	d.Branch("JMP", "stored")
	d.Label("some")
	d.store(low, high, func(each func(n int)) { d.FirstOf(dwLanes, each) })
	d.Label("stored")
	d.Ins("ADD $%d, %s", 16*d.stride, dwSrc)
	d.Ins("ADD $16, %s", dwTo)
	d.Ins("ADD $%d, %s", recordSize, dwRecord)
	d.Ins("SUB $1, %s", dwStrips)
	d.Branch("CBNZ "+dwStrips+",", "strip")

	d.Ins("ADD $%d, %s", 8*((d.rows-1)*d.stride+d.size), dwTable)
	for range d.rows {
		d.Ins("ADD %s, %s", dwOutRow, dwDst)
	}
	d.Ins("SUB $1, %s", dwBlocks)
	d.Branch("CBNZ "+dwBlocks+",", "block")
	d.Ins("RET")
}

// inputRows adds what each row of the input gives to every row of output that meets it.
// The table holds the offset of the row plus 1, or 0 for a row of padding.
func (d *depthwiseNEON) inputRows(path string, load func(v int) neon.V) {
	for i := range (d.rows-1)*d.stride + d.size {
		next := fmt.Sprintf("%s%d", path, i)
		d.Ins("MOVD %d(%s), %s", 8*i, dwTable, dwRow)
		d.Branch("CBZ "+dwRow+",", next)
		d.Ins("ADD %s, %s", dwSrc, dwRow)
		if d.stride == 1 {
			for kw := range d.size {
				d.tap(i, kw, load(kw))
			}
		} else {
			d.everySecond(i, load(0), load(1), load(2))
		}
		d.Label(next)
	}
}

// everySecond takes the columns of each tap of row i apart, for a stride of 2.
func (d *depthwiseNEON) everySecond(i int, x0, x1, behind neon.V) {
	three := func(inst neon.Inst, a, b neon.V) neon.V {
		v := d.Reg()
		d.Three(inst, v, a, b)
		return v
	}
	shifted := func(a, then neon.V, n int) neon.V {
		v := d.Reg()
		d.Ext(v, a, then, n)
		return v
	}
	even, odd := three(neon.UZP1, x0, x1), three(neon.UZP2, x0, x1)
	d.tap(i, 0, even)
	d.tap(i, 1, odd)
	d.tap(i, 2, shifted(even, behind, 1))
	if d.size == 5 {
		d.tap(i, 3, shifted(odd, three(neon.UZP2, behind, behind), 1))
		d.tap(i, 4, shifted(even, three(neon.UZP1, behind, behind), 2))
	}
}

// tap adds x, which tap kw sees of row i, to the rows of output.
func (d *depthwiseNEON) tap(i, kw int, x neon.V) {
	for r, acc := range d.acc {
		kh := i - r*d.stride
		if kh < 0 || kh >= d.size {
			continue
		}
		w := d.weights[kh*d.size+kw]
		d.Elem(neon.FMLAElem, acc, x, w.v, w.at)
	}
}

// store writes the rows of output of one strip, with what is added and between the
// limits. count has the instructions for as many columns as there are.
func (d *depthwiseNEON) store(low, high neon.V, count func(each func(n int))) {
	// Loading or storing three columns moves the pointer.
	rows := func(first func(), each func(acc neon.V, row string, n int)) {
		first()
		for r, acc := range d.acc {
			count(func(n int) {
				row := dwRow
				if n == 3 {
					row = dwTemp
					d.Ins("MOVD %s, %s", dwRow, row)
				}
				each(acc, row, n)
			})
			if r < d.rows-1 {
				d.Ins("ADD %s, %s", dwOutRow, dwRow)
			}
		}
	}
	limits := d.NewLabel("limits")
	d.Ins("MOVD %d(%s), %s", argRes, dwArgs, dwTemp)
	d.Branch("CBZ "+dwTemp+",", limits)
	x := d.Reg()
	rows(func() { d.Ins("ADD %s, %s, %s", dwRes, dwTo, dwRow) }, func(acc neon.V, row string, n int) {
		d.LoadFirst(x, row, n)
		d.Three(neon.FADD, acc, acc, x)
	})
	d.Label(limits)
	for _, acc := range d.acc {
		d.Three(neon.FMAX, acc, acc, low)
		d.Three(neon.FMIN, acc, acc, high)
	}
	rows(func() { d.Ins("MOVD %s, %s", dwTo, dwRow) }, func(acc neon.V, row string, n int) { d.StoreFirst(acc, row, n) })
}

// tablesNEON is the Go text of the kernels' tables for arm64.
func tablesNEON() string {
	var b strings.Builder
	b.WriteString(strings.Replace(header("!purego"), "package vec", "package conv", 1))
	names := func(n int, name func(i int) string) string {
		var list []string
		for i := 1; i <= n; i++ {
			list = append(list, name(i))
		}
		return strings.Join(list, ", ")
	}
	for _, t := range []struct {
		name, of, what string
		kind           tileKind
	}{{"tilesNEON", "tileFunc", "the kernels", along}, {"tilesToNEON", "tileToFunc", "those that write to the output", toOutput}} {
		fmt.Fprintf(&b, "\n// %s are %s by vectors and rows, each less one.\nvar %s = [][]%s{\n", t.name, t.what, t.name, t.of)
		for vectors := 1; vectors <= neonTileVectors; vectors++ {
			fmt.Fprintf(&b, "\t{%s},\n", names(neonTileRows, func(rows int) string { return tileName(asimd, rows, vectors, t.kind) }))
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "\n// acrossNEON are the kernels whose vectors are channels, by columns, less one.\nvar acrossNEON = []tileFunc{%s}\n",
		names(neonTileRows, func(rows int) string { return tileName(asimd, rows, neonTileVectors, across) }))
	for _, size := range []int{3, 5} {
		for stride := 1; stride <= 2; stride++ {
			name := fmt.Sprintf("depthwise%dStride%dNEON", size, stride)
			fmt.Fprintf(&b, "\n// %s are the kernels by rows of output, less one.\nvar %s = [depthwiseRows]depthwiseFunc{%s}\n", name, name,
				names(depthwiseRows, func(rows int) string { return depthwiseName(asimd, size, stride, rows) }))
		}
	}
	return b.String()
}
