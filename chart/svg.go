package chart

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteSVG writes the picture as SVG, without scripts and without anything from elsewhere. It follows the viewer's choice of
// a light or a dark ground.
func (p *Picture) WriteSVG(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc">`+"\n", p.w, p.h, p.w, p.h)
	fmt.Fprintf(w, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n", escaped(p.title), escaped(p.desc))
	p.style(w)
	fmt.Fprintf(w, `<rect class="c%d" width="100%%" height="100%%"/>`+"\n", inkGround)
	for _, s := range p.shapes {
		s.svg(w)
	}
	w.WriteString("</svg>\n") //nolint:errcheck // Flush tells
	return w.Flush()
}

// style gives each ink that is used its colors.
func (p *Picture) style(w io.Writer) {
	used := [inks]bool{inkGround: true}
	for _, s := range p.shapes {
		used[s.ink] = true
	}
	var light, dark strings.Builder
	for i := range inks {
		if used[i] {
			l, d := i.on()
			fmt.Fprintf(&light, ".c%d{fill:%s;color:%s}", i, hex(l), hex(l))
			fmt.Fprintf(&dark, ".c%d{fill:%s;color:%s}", i, hex(d), hex(d))
		}
	}
	fmt.Fprintf(w, `<style>text{font:11.67px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre}`+
		`%s@media(prefers-color-scheme:dark){%s}.o{fill:none;stroke:currentColor;stroke-width:2}</style>`+"\n", light.String(), dark.String())
}

func hex(c rgb) string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

func (s shape) svg(w io.Writer) {
	name, at, class := "rect", "", fmt.Sprintf("c%d", s.ink)
	switch s.form {
	case rect:
		at = fmt.Sprintf(`x="%d" y="%d" width="%d" height="%d"`, s.x, s.y, s.w, s.h)
	case frame:
		at = fmt.Sprintf(`x="%d" y="%d" width="%d" height="%d"`, s.x+1, s.y+1, max(s.w-2, 1), max(s.h-2, 1))
		class += " o"
	case ring:
		name, at = "circle", fmt.Sprintf(`cx="%d" cy="%d" r="%d"`, s.x, s.y, s.w/2-1)
		class += " o"
	case line:
		name, at = "path", fmt.Sprintf(`d="M%d %dl%d %d"`, s.x, s.y, s.w, s.h)
		class += " o"
	case words:
		fmt.Fprintf(w, `<text class="%s" x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n", class, s.x, s.y+12, s.w, escaped(s.text))
		return
	}
	if s.title == "" {
		fmt.Fprintf(w, "<%s class=\"%s\" %s/>\n", name, class, at)
		return
	}
	fmt.Fprintf(w, "<%s class=\"%s\" %s><title>%s</title></%s>\n", name, class, at, escaped(s.title), name)
}

// escaped is a text within XML.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(plain(text))
}
