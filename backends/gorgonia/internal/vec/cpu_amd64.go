//go:build !purego

package vec

// HasAVX2 says whether this machine has AVX2, FMA, F16C and BMI2, and kernels may
// use them.
func HasAVX2() bool { return machineLevel >= levelAVX2 }

// HasAVX512 says whether this machine also has AVX-512 F, CD, BW, DQ and VL.
func HasAVX512() bool { return machineLevel >= levelAVX512 }

// machineLevel is the best that this machine has, whatever tests do to level.
var machineLevel = bestLevel()
