package neon

import (
	"fmt"
	"strings"
)

// An Inst is an instruction on vectors, as ARM's manual has it: its name, the
// arrangements of its registers, and its bits with all registers 0.
type Inst struct {
	name   string
	shape  string // of the registers, beginning with the one that is written
	bits   uint32
	goName string // in Go's assembler, where that has it
	adds   bool   // reads what it writes as well
}

// Instructions of three registers.
var (
	FADD   = Inst{name: "fadd", shape: "4s 4s 4s", bits: 0x4e20d400}
	FSUB   = Inst{name: "fsub", shape: "4s 4s 4s", bits: 0x4ea0d400}
	FMUL   = Inst{name: "fmul", shape: "4s 4s 4s", bits: 0x6e20dc00}
	FDIV   = Inst{name: "fdiv", shape: "4s 4s 4s", bits: 0x6e20fc00}
	FMAX   = Inst{name: "fmax", shape: "4s 4s 4s", bits: 0x4e20f400}   // not a number where either is none
	FMIN   = Inst{name: "fmin", shape: "4s 4s 4s", bits: 0x4ea0f400}   //
	FMAXNM = Inst{name: "fmaxnm", shape: "4s 4s 4s", bits: 0x4e20c400} // the other where one is no number
	FMINNM = Inst{name: "fminnm", shape: "4s 4s 4s", bits: 0x4ea0c400} //
	FADDP  = Inst{name: "faddp", shape: "4s 4s 4s", bits: 0x6e20d400}
	FCMEQ  = Inst{name: "fcmeq", shape: "4s 4s 4s", bits: 0x4e20e400}
	FCMGE  = Inst{name: "fcmge", shape: "4s 4s 4s", bits: 0x6e20e400}
	FCMGT  = Inst{name: "fcmgt", shape: "4s 4s 4s", bits: 0x6ea0e400}
	FMLA   = Inst{name: "fmla", shape: "4s 4s 4s", bits: 0x4e20cc00, goName: "VFMLA", adds: true}
	ADD    = Inst{name: "add", shape: "4s 4s 4s", bits: 0x4ea08400, goName: "VADD"}
	SUB    = Inst{name: "sub", shape: "4s 4s 4s", bits: 0x6ea08400, goName: "VSUB"}
	MLA    = Inst{name: "mla", shape: "4s 4s 4s", bits: 0x4ea09400, adds: true}
	AND    = Inst{name: "and", shape: "16b 16b 16b", bits: 0x4e201c00, goName: "VAND"}
	ORR    = Inst{name: "orr", shape: "16b 16b 16b", bits: 0x4ea01c00, goName: "VORR"}
	EOR    = Inst{name: "eor", shape: "16b 16b 16b", bits: 0x6e201c00, goName: "VEOR"}
	BIT    = Inst{name: "bit", shape: "16b 16b 16b", bits: 0x6ea01c00, goName: "VBIT", adds: true}
	ZIP1B  = Inst{name: "zip1", shape: "16b 16b 16b", bits: 0x4e003800, goName: "VZIP1"}
	ZIP1H  = Inst{name: "zip1", shape: "8h 8h 8h", bits: 0x4e403800, goName: "VZIP1"}
	ZIP2H  = Inst{name: "zip2", shape: "8h 8h 8h", bits: 0x4e407800, goName: "VZIP2"}
	UZP1   = Inst{name: "uzp1", shape: "4s 4s 4s", bits: 0x4e801800, goName: "VUZP1"}
	UZP2   = Inst{name: "uzp2", shape: "4s 4s 4s", bits: 0x4e805800, goName: "VUZP2"}
	TRN1   = Inst{name: "trn1", shape: "4s 4s 4s", bits: 0x4e802800, goName: "VTRN1"}
	TRN2   = Inst{name: "trn2", shape: "4s 4s 4s", bits: 0x4e806800, goName: "VTRN2"}
	TRN1D  = Inst{name: "trn1", shape: "2d 2d 2d", bits: 0x4ec02800, goName: "VTRN1"}
	TRN2D  = Inst{name: "trn2", shape: "2d 2d 2d", bits: 0x4ec06800, goName: "VTRN2"}
	SDOT   = Inst{name: "sdot", shape: "4s 16b 16b", bits: 0x4e809400, adds: true}
)

// Instructions of two registers.
var (
	FSQRT  = Inst{name: "fsqrt", shape: "4s 4s", bits: 0x6ea1f800}
	FABS   = Inst{name: "fabs", shape: "4s 4s", bits: 0x4ea0f800}
	FNEG   = Inst{name: "fneg", shape: "4s 4s", bits: 0x6ea0f800}
	FRINTN = Inst{name: "frintn", shape: "4s 4s", bits: 0x4e218800} // to nearest, halves to even
	FRINTM = Inst{name: "frintm", shape: "4s 4s", bits: 0x4e219800} // down
	FRINTP = Inst{name: "frintp", shape: "4s 4s", bits: 0x4ea18800} // up
	FCVTNS = Inst{name: "fcvtns", shape: "4s 4s", bits: 0x4e21a800} // to int32, to nearest
	SCVTF  = Inst{name: "scvtf", shape: "4s 4s", bits: 0x4e21d800}  // from int32
	FCVTL  = Inst{name: "fcvtl", shape: "4s 4h", bits: 0x0e217800}  // from half precision
	FCVTL2 = Inst{name: "fcvtl2", shape: "4s 8h", bits: 0x4e217800}
	FCVTN  = Inst{name: "fcvtn", shape: "4h 4s", bits: 0x0e216800} // to half precision
	FCVTN2 = Inst{name: "fcvtn2", shape: "8h 4s", bits: 0x4e216800, adds: true}
	NOT    = Inst{name: "mvn", shape: "16b 16b", bits: 0x6e205800}
	XTN    = Inst{name: "xtn", shape: "4h 4s", bits: 0x0e612800} // the lower half of each
	XTN2   = Inst{name: "xtn2", shape: "8h 4s", bits: 0x4e612800, adds: true}
	XTNB   = Inst{name: "xtn", shape: "8b 8h", bits: 0x0e212800}
	UXTLB  = Inst{name: "uxtl", shape: "8h 8b", bits: 0x2f08a400, goName: "VUXTL"}
	SXTLB  = Inst{name: "sxtl", shape: "8h 8b", bits: 0x0f08a400}
	SXTL   = Inst{name: "sxtl", shape: "4s 4h", bits: 0x0f10a400}
	SXTL2  = Inst{name: "sxtl2", shape: "4s 8h", bits: 0x4f10a400}
)

// Instructions of two registers and a number of bits; [SHLL] takes 16, and no other.
var (
	SHL   = Inst{name: "shl", shape: "4s 4s", bits: 0x4f005400, goName: "VSHL"}
	SSHR  = Inst{name: "sshr", shape: "4s 4s", bits: 0x4f000400}
	USHR  = Inst{name: "ushr", shape: "4s 4s", bits: 0x6f000400, goName: "VUSHR"}
	SHRN  = Inst{name: "shrn", shape: "4h 4s", bits: 0x0f008400}
	SHRN2 = Inst{name: "shrn2", shape: "8h 4s", bits: 0x4f008400, adds: true}
	SHLL  = Inst{name: "shll", shape: "4s 4h", bits: 0x2e613800}
	SHLL2 = Inst{name: "shll2", shape: "4s 8h", bits: 0x6e613800}
)

// Instructions with one lane of a register in the place of the last; [DUP] has no
// other source.
var (
	FMLAElem  = Inst{name: "fmla", shape: "4s 4s s", bits: 0x4f801000, adds: true}
	SDOTElem  = Inst{name: "sdot", shape: "4s 16b 4b", bits: 0x4f80e000, adds: true}
	SMLALElem = Inst{name: "smlal", shape: "4s 4h h", bits: 0x0f402000, adds: true} // the lane is of V0 to V15
	SMLAL2    = Inst{name: "smlal2", shape: "4s 8h h", bits: 0x4f402000, adds: true}
	DUP       = Inst{name: "dup", shape: "4s s", bits: 0x4e040400, goName: "VDUP"}
)

var ext = Inst{name: "ext", shape: "16b 16b 16b", bits: 0x6e000000, goName: "VEXT"}

// goShape is an arrangement in Go's syntax: 4s is S4.
func goShape(arrangement string) string {
	n := len(arrangement) - 1
	return strings.ToUpper(arrangement[n:]) + arrangement[:n]
}

// append adds an instruction of the registers d, n and m, or the first of them. extra
// are bits besides those of registers, first is what Go has before them, and texts is
// what stands behind each.
func (f *Func) append(i Inst, extra func([]int) uint32, first string, texts [3]string, regs ...V) {
	l := line{regs: []operand{{v: regs[0], writes: true, read: i.adds}}}
	for _, r := range regs[1:] {
		l.regs = append(l.regs, operand{v: r, read: true})
	}
	l.word = func(n []int) uint32 {
		w := i.bits
		for j, shift := range []int{0, 5, 16}[:len(n)] {
			w |= uint32(n[j]) << shift
		}
		if extra != nil {
			w |= extra(n)
		}
		return w
	}
	shape := strings.Fields(i.shape)
	var parts, goParts []string
	for j := range regs {
		parts = append(parts, "v"+place(j)+"."+shape[j]+texts[j])
		// Go has what is written last, and the last source first.
		goText := "V" + place(j) + "." + goShape(shape[j])
		if strings.HasPrefix(texts[j], "[") {
			goText += texts[j]
		}
		goParts = append([]string{goText}, goParts...)
	}
	l.arm = i.name + " " + strings.Join(parts, ", ")
	if i.goName != "" {
		l.text = i.goName + " " + first + strings.Join(goParts, ", ")
	}
	f.code = append(f.code, l)
}

// Three is an instruction of three registers: d = n op m.
func (f *Func) Three(i Inst, d, n, m V) { f.append(i, nil, "", [3]string{}, d, n, m) }

// Two is an instruction of two registers: d = op n.
func (f *Func) Two(i Inst, d, n V) { f.append(i, nil, "", [3]string{}, d, n) }

// Shift is an instruction with a number of bits: d = n op bits.
func (f *Func) Shift(i Inst, d, n V, bits int) {
	field := uint32(32+bits) << 16
	switch i.name {
	case "sshr", "ushr":
		field = uint32(64-bits) << 16
	case "shrn", "shrn2":
		field = uint32(32-bits) << 16
	case "shll", "shll2":
		field = 0
	}
	f.append(i, func([]int) uint32 { return field }, fmt.Sprintf("$%d, ", bits), [3]string{1: fmt.Sprintf(", #%d", bits)}, d, n)
}

// Elem is an instruction with lane at of a register: d = n op m[at], or of [DUP], which
// takes no m, d = n[at].
func (f *Func) Elem(i Inst, d, n, m V, at int) {
	lane := fmt.Sprintf("[%d]", at)
	if i.name == DUP.name {
		f.append(i, func([]int) uint32 { return uint32(at) << 19 }, "", [3]string{1: lane}, d, n)
		return
	}
	index := func([]int) uint32 { return uint32(at&1)<<21 | uint32(at>>1)<<11 }
	if strings.HasSuffix(i.shape, " h") {
		index = func(regs []int) uint32 {
			if regs[2] > 15 {
				panic(fmt.Sprintf("neon: %s takes a lane of V0 to V15, not of V%d", i.name, regs[2]))
			}
			return uint32(at&1)<<20 | uint32(at>>1&1)<<21 | uint32(at>>2)<<11
		}
	}
	f.append(i, index, "", [3]string{2: lane}, d, n, m)
}

// Ext takes the lanes of n from the one at word on, and then those of m.
func (f *Func) Ext(d, n, m V, word int) {
	index := func([]int) uint32 { return uint32(4*word) << 11 }
	f.append(ext, index, fmt.Sprintf("$%d, ", 4*word), [3]string{2: fmt.Sprintf(", #%d", 4*word)}, d, n, m)
}

// Lookup takes the bytes of n that m names, and 0 for those beyond 15.
func (f *Func) Lookup(d, n, m V) {
	f.Ins("VTBL V%v.B16, [V%v.B16], V%v.B16", In(m), In(n), Out(d))
}
