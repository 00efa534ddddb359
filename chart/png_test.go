package chart

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"testing"
)

// FuzzDeflate: what is deflated here is inflated by others to the same bytes.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("abcabcabcabcabcab"))
	f.Add([]byte{0, 0, 0, 0, 255, 255, 255, 255, 144, 143})
	for n := range 600 {
		f.Add(bytes.Repeat([]byte{7}, n))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		out := bufio.NewWriter(&b)
		d := deflater{out: out, data: []byte{0x78, 0x01}, a: 1}
		d.bits(0b011, 3)
		for _, v := range data {
			d.write(v)
		}
		d.end()
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
		var stream []byte
		for text := b.Bytes(); len(text) > 0; {
			n := binary.BigEndian.Uint32(text)
			stream = append(stream, text[8:8+n]...)
			text = text[12+n:]
		}
		r, err := zlib.NewReader(bytes.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%x, %v; want %x", got, err, data)
		}
	})
}
