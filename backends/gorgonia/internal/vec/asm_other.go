//go:build !(amd64 || arm64) || purego

package vec

func float16ToFloat32Eights([]float32, []uint16) int                 { return 0 }
func float32ToFloat16Eights([]uint16, []float32) int                 { return 0 }
func bfloat16ToFloat32Eights([]float32, []uint16) int                { return 0 }
func float32ToBfloat16Eights([]uint16, []float32) int                { return 0 }
func int32ToFloat32Eights([]float32, []int32) int                    { return 0 }
func dequantizeUint8Eights([]float32, []uint8, float32, float32) int { return 0 }
func dequantizeInt8Eights([]float32, []int8, float32, float32) int   { return 0 }
func quantizeUint8Eights([]uint8, []float32, float32, float32) int   { return 0 }
func quantizeInt8Eights([]int8, []float32, float32, float32) int     { return 0 }
func transposeTilesAsm([]uint32, int, []uint32, int, int) bool       { return false }
