package chart

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/bits"
)

// Why this is not package image/png: compress/flate, which it is made of, fills tables whenever a program that links it is
// started, and gives other bytes with another version of Go. These pictures are plain areas: the repetition of a pixel is all
// that is looked for, in what differs from the line above.

// zoom is how many dots of a PNG are one pixel of a picture, as wide and as high: for print, and for screens with small dots.
const zoom = 2

// bandHeight is how many lines of dots are drawn at a time: memory does not grow with the height of a picture.
const bandHeight = 64

// WritePNG writes the picture as PNG, on a light ground.
func (p *Picture) WritePNG(to io.Writer) error {
	out := bufio.NewWriter(to)
	w, h := p.w*zoom, p.h*zoom
	out.WriteString("\x89PNG\r\n\x1a\n") //nolint:errcheck // Flush tells
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	chunk(out, "IHDR", append(head, 8, 2, 0, 0, 0)) // 8 bits of red, green and blue
	const perMeter = 96 * zoom * 10000 / 254
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, perMeter), perMeter)
	chunk(out, "pHYs", append(size, 1))
	chunk(out, "tEXt", append([]byte("Title\x00"), latin1(p.title)...))
	d := deflater{out: out, data: []byte{0x78, 0x01}, a: 1}
	d.bits(0b011, 3) // the last block, and the only one; the code that needs no table
	c := canvas{w: w, h: bandHeight, dots: make([]uint8, 3*w*bandHeight)}
	above := make([]uint8, 3*w)
	for c.top = 0; c.top < h; c.top += bandHeight {
		c.draw(p)
		for y := range min(bandHeight, h-c.top) {
			line := c.dots[3*w*y : 3*w*(y+1)]
			d.write(2) // what differs from above
			for i, v := range line {
				d.write(v - above[i])
			}
			copy(above, line)
		}
	}
	d.end()
	chunk(out, "IEND", nil)
	return out.Flush()
}

// latin1 is a text as PNG may have it.
func latin1(text string) (b []byte) {
	for _, r := range plain(text) {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}

// chunk writes a part of a PNG. A bufio.Writer keeps its first error.
func chunk(out *bufio.Writer, name string, data []byte) {
	text := append([]byte(name), data...)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = binary.BigEndian.AppendUint32(append(b, text...), crc(text))
	out.Write(b) //nolint:errcheck // Flush tells
}

// crc is the CRC-32 of PNG.
func crc(data []byte) uint32 {
	var table [16]uint32
	for i := range table {
		c := uint32(i)
		for range 4 {
			c = c>>1 ^ -(c&1)&0xedb88320
		}
		table[i] = c
	}
	c := ^uint32(0)
	for _, b := range data {
		c = table[(c^uint32(b))&15] ^ c>>4
		c = table[(c^uint32(b>>4))&15] ^ c>>4
	}
	return ^c
}

// deflater writes a stream of zlib (RFC 1950, 1951) with the fixed code, in which a byte is repeated that was three before:
// that of the pixel to the left.
type deflater struct {
	out  *bufio.Writer
	data []byte // of the chunk that is being made
	acc  uint32
	n    uint // bits in acc
	a, b uint32

	last [3]byte // what was written last, the oldest first
	seen int
	run  int // how many bytes of the repetition are not told yet
}

func (d *deflater) write(v byte) {
	d.a = (d.a + uint32(v)) % 65521
	d.b = (d.b + d.a) % 65521
	if d.seen >= 3 && v == d.last[0] {
		d.run++
	} else {
		d.repeat()
		d.symbol(int(v))
	}
	d.last = [3]byte{d.last[1], d.last[2], v}
	d.seen++
	if d.run == 258 {
		d.repeat()
	}
}

// repeat tells of the repetition so far.
func (d *deflater) repeat() {
	n := d.run
	d.run = 0
	if n < 3 { // shorter is told byte by byte: they are the last that were written
		for i := 3 - n; i < 3; i++ {
			d.symbol(int(d.last[i]))
		}
		return
	}
	switch {
	case n == 258:
		d.symbol(285)
	case n <= 10:
		d.symbol(254 + n)
	default:
		extra := uint(1)
		for n-3 >= 8<<extra {
			extra++
		}
		d.symbol(257 + 4*int(extra) + (n-3)>>extra)
		d.bits(uint32(n-3)&(1<<extra-1), extra)
	}
	d.code(2, 5) // a distance of 3
}

// symbol writes a byte, or a length, in the fixed code.
func (d *deflater) symbol(v int) {
	switch {
	case v < 144:
		d.code(0x30+v, 8)
	case v < 256:
		d.code(0x190+v-144, 9)
	case v < 280:
		d.code(v-256, 7)
	default:
		d.code(0xc0+v-280, 8)
	}
}

// code writes a code, whose highest bit is first.
func (d *deflater) code(v int, n uint) { d.bits(bits.Reverse32(uint32(v))>>(32-n), n) }

// bits writes bits, of which the lowest is first.
func (d *deflater) bits(v uint32, n uint) {
	d.acc |= v << d.n
	for d.n += n; d.n >= 8; d.n -= 8 {
		d.data = append(d.data, byte(d.acc))
		d.acc >>= 8
	}
	if len(d.data) >= 32<<10 {
		chunk(d.out, "IDAT", d.data)
		d.data = d.data[:0]
	}
}

func (d *deflater) end() {
	d.repeat()
	d.symbol(256)
	d.bits(0, (8-d.n)%8)
	chunk(d.out, "IDAT", binary.BigEndian.AppendUint32(d.data, d.b<<16|d.a))
}
