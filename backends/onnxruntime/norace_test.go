//go:build !race

package onnxruntime

const raceDetector = false
