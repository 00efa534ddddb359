package chart

import (
	"flag"
	"image"
	"os"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

var update = flag.Bool("update", false, "rewrite the letters and the expected pictures")

// TestFont draws the letters of PNGs anew: font.bin is Go Mono, and nothing else.
func TestFont(t *testing.T) {
	parsed, err := opentype.Parse(gomono.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: glyphWidth * 2048. / 1229, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, span := range fontRanges() {
		for r := span[0]; r <= span[1]; r++ {
			all = append(all, drawn(face, r)...)
		}
	}
	if *update {
		if err := os.WriteFile("font.bin", all, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(all) != fontBits {
		t.Error("font.bin is not what Go Mono looks like: go test ./chart -update")
	}
}

// drawn are the dots of a letter; a box for one that the font has not.
func drawn(face font.Face, r rune) []byte {
	img := image.NewAlpha(image.Rect(0, 0, glyphWidth, glyphHeight))
	d := font.Drawer{Dst: img, Src: image.Opaque, Face: face, Dot: fixed.P(0, 22)}
	d.DrawString(string(r))
	out := make([]byte, glyphSize)
	for i := range glyphWidth * glyphHeight {
		part := (img.AlphaAt(i%glyphWidth, i/glyphWidth).A + 8) / 17
		if img.AlphaAt(i%glyphWidth, i/glyphWidth).A > 247 {
			part = 15
		}
		out[i/2] |= part << (4 * (i % 2))
	}
	return out
}
