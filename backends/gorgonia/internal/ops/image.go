package ops

import (
	"bytes"
	"errors"
	"image"
	_ "image/gif" // the formats that are read
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/tiff" // and so are these
	_ "golang.org/x/image/webp"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// images is the decoder of image files.
func images() []op.Spec {
	return []op.Spec{{Name: "ImageDecoder", Since: 20, MinIn: 1, MaxIn: 1, Compile: imageDecoder}}
}

// imageDecoder reads a PNG, JPEG, GIF, TIFF, WebP, BMP or PNM file into rows of pixels.
//
// See https://onnx.ai/onnx/operators/onnx__ImageDecoder.html
func imageDecoder(n *op.Node) (*op.Plan, error) {
	if err := n.Want(0, tensor.U8); err != nil {
		return nil, err
	}
	format := n.Str("pixel_format", "RGB")
	channels := map[string]int{"RGB": 3, "BGR": 3, "Grayscale": 1}[format]
	if channels == 0 {
		return nil, n.Errorf("pixel_format is %q, expected RGB, BGR or Grayscale", format)
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		file := in[0].(*tensor.Tensor).Data
		picture, err := decodeImage(r, file)
		if err != nil {
			return nil, err
		}
		b := picture.Bounds()
		out, err := r.New(tensor.U8, b.Dy(), b.Dx(), channels)
		if err != nil {
			return nil, err
		}
		r.For(b.Dy(), grainOf(b.Dx()), func(lo, hi int) {
			for y := lo; y < hi; y++ {
				putPixels(out.Data[y*b.Dx()*channels:][:b.Dx()*channels], picture, b.Min.X, b.Min.Y+y, format)
			}
		})
		return []tensor.Value{out}, r.Err()
	})
}

// decodeImage decodes a file, if there is memory enough for its pixels.
func decodeImage(r *op.Run, file []byte) (image.Image, error) {
	if picture, err := bitmap(file); !errors.Is(err, image.ErrFormat) {
		if err != nil {
			return nil, (&op.Node{}).Unsupportedf("%v", err)
		}
		return picture, nil
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, (&op.Node{}).Unsupportedf("%v: PNG, JPEG, GIF, TIFF, WebP, BMP and PNM files are read", err)
	}
	// What Go decodes to takes up to 8 bytes a pixel, and as much while it does.
	size, err := tensor.Bytes(tensor.C128, []int{config.Height, config.Width})
	if err != nil {
		return nil, err
	}
	if err := spare(r, size); err != nil {
		return nil, err
	}
	picture, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, (&op.Node{}).Errorf("the image: %v", err)
	}
	return picture, nil
}

// putPixels writes one row of an image.
func putPixels(dst []byte, picture image.Image, x, y int, format string) {
	for len(dst) > 0 {
		red, green, blue, _ := picture.At(x, y).RGBA()
		red, green, blue = red>>8, green>>8, blue>>8
		x++
		switch format {
		case "Grayscale":
			dst[0] = byte((red*19595 + green*38470 + blue*7471 + 1<<15) >> 16)
			dst = dst[1:]
			continue
		case "BGR":
			red, blue = blue, red
		}
		dst[0], dst[1], dst[2] = byte(red), byte(green), byte(blue)
		dst = dst[3:]
	}
}
