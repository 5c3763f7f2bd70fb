//go:build race

package onnxruntime

// raceDetector is on: sync.Pool then forgets things at random.
const raceDetector = true
