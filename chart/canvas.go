package chart

import (
	_ "embed"
	"math/bits"
	"strings"
)

// canvas is a band of the dots of a picture, from the line top on.
type canvas struct {
	w, h, top int
	dots      []uint8 // red, green and blue of each
}

// draw draws what of the picture is in the band.
func (c *canvas) draw(p *Picture) {
	ground, _ := inkGround.on()
	for i := 0; i < len(c.dots); i += 3 {
		c.dots[i], c.dots[i+1], c.dots[i+2] = ground[0], ground[1], ground[2]
	}
	for _, s := range p.shapes {
		if reach := (lineUp + s.w + max(s.h, -s.h)) * zoom; s.y*zoom < c.top+c.h+reach && s.y*zoom+reach > c.top {
			c.shape(s)
		}
	}
}

func (c *canvas) shape(s shape) {
	color, _ := s.ink.on()
	x, y, w, h := s.x*zoom, s.y*zoom, s.w*zoom, s.h*zoom
	const pen = 2 * zoom
	switch s.form {
	case rect:
		c.fill(x, y, w, h, color)
	case frame:
		c.fill(x, y, w, pen, color)
		c.fill(x, y+h-pen, w, pen, color)
		c.fill(x, y, pen, h, color)
		c.fill(x+w-pen, y, pen, h, color)
	case ring:
		c.ring(x, y, (w-pen)/2, pen/2, color)
	case line:
		c.line(x, y, x+w, y+h, pen/2, color)
	case words:
		c.words(x, y, s.text, color)
	}
}

func (c *canvas) fill(x, y, w, h int, color rgb) {
	for j := max(y, c.top); j < min(y+h, c.top+c.h); j++ {
		for i := max(x, 0); i < min(x+w, c.w); i++ {
			c.blend(i, j, 16, color)
		}
	}
}

// blend puts so many sixteenths of a color on a dot.
func (c *canvas) blend(x, y, part int, color rgb) {
	if x < 0 || x >= c.w || y < c.top || y >= c.top+c.h {
		return
	}
	at := 3 * ((y-c.top)*c.w + x)
	for i, v := range color {
		c.dots[at+i] = uint8((int(v)*part + int(c.dots[at+i])*(16-part) + 8) / 16)
	}
}

// ring draws the border of a circle with the radius r, pen to each side of it.
func (c *canvas) ring(x, y, r, pen int, color rgb) {
	c.smooth(x-r-pen, y-r-pen, 2*(r+pen), 2*(r+pen), color, func(i, j int) bool {
		d := (i-16*x)*(i-16*x) + (j-16*y)*(j-16*y)
		return d <= 256*(r+pen)*(r+pen) && d >= 256*(r-pen)*(r-pen)
	})
}

// line draws a line, pen to each side of it.
func (c *canvas) line(x1, y1, x2, y2, pen int, color rgb) {
	dx, dy := x2-x1, y2-y1
	length := dx*dx + dy*dy
	x, y, w, h := min(x1, x2), min(y1, y2), max(dx, -dx), max(dy, -dy)
	c.smooth(x-pen, y-pen, w+2*pen, h+2*pen, color, func(i, j int) bool {
		along := dx*(i-16*x1) + dy*(j-16*y1)
		aside := dx*(j-16*y1) - dy*(i-16*x1)
		return along >= 0 && along <= 16*length && aside*aside <= 256*pen*pen*length
	})
}

// smooth colors the dots of an area by how many of their sixteen parts are inside. Parts are asked for by sixteenths of a dot.
func (c *canvas) smooth(x, y, w, h int, color rgb, inside func(i, j int) bool) {
	for j := max(y, c.top); j < min(y+h, c.top+c.h); j++ {
		for i := max(x, 0); i < min(x+w, c.w); i++ {
			var parts uint16
			for k := range 16 {
				if inside(16*i+4*(k%4)+2, 16*j+4*(k/4)+2) {
					parts |= 1 << k
				}
			}
			c.blend(i, j, bits.OnesCount16(parts), color)
		}
	}
}

// The letters are those of Go Mono, drawn beforehand: glyphWidth x glyphHeight dots of four bits for each of the ranges of
// fontRanges, one after the other. TestFont draws them.
const (
	glyphWidth  = letter * zoom
	glyphHeight = 28
	glyphTop    = 2 // above them is room up to the line
	glyphSize   = glyphWidth * glyphHeight / 2
)

//go:embed font.bin
var fontBits string

// fontRanges are the letters that are there: of Latin, Greek and Cyrillic, and some signs.
func fontRanges() [][2]rune {
	return [][2]rune{{' ', '~'}, {0xa0, 0x17f}, {0x384, 0x3ce}, {0x401, 0x45f}, {0x2013, 0x2026}, {0x2190, 0x2193}}
}

// glyph is where the dots of a letter begin, -1 where there is none.
func glyph(r rune) int {
	at := 0
	for _, span := range fontRanges() {
		if r >= span[0] && r <= span[1] {
			return (at + int(r-span[0])) * glyphSize
		}
		at += int(span[1]-span[0]) + 1
	}
	return -1
}

// words writes a text. A letter that is not there is a box.
func (c *canvas) words(x, y int, text string, color rgb) {
	y += glyphTop
	if y >= c.top+c.h || y+glyphHeight < c.top {
		return
	}
	for _, r := range text {
		w := cellsOf(r) * glyphWidth
		at := glyph(r)
		switch {
		case at >= 0:
			c.letter(x, y, fontBits[at:at+glyphSize], color)
		case w > 0:
			c.fill(x+3, y+6, w-6, 2, color)
			c.fill(x+3, y+20, w-6, 2, color)
			c.fill(x+3, y+6, 2, 16, color)
			c.fill(x+w-5, y+6, 2, 16, color)
		}
		x += w
	}
}

func (c *canvas) letter(x, y int, dots string, color rgb) {
	if strings.Trim(dots, "\x00") == "" {
		return
	}
	for i := range glyphWidth * glyphHeight {
		part := int(dots[i/2]>>(4*(i%2))) & 15
		if part > 0 {
			c.blend(x+i%glyphWidth, y+i/glyphWidth, part+part/15, color)
		}
	}
}
