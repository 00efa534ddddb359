package chart

// ink is a color by what it is for. What it looks like hangs on the ground: light or dark.
type ink uint8

const (
	inkGround ink = iota
	inkText
	inkFaint
	inkGrid
	inkOnTime
	inkByHand
	inkLate
	inkRunning
	inkFailed
	inkHeat0 // nothing
	inkHeat1
	inkHeat2
	inkHeat3
	inkHeat4
	inkOnHeat1 // a text on inkHeat1, and so on
	inkOnHeat2
	inkOnHeat3
	inkOnHeat4
	inkShift
	inks
)

// rgb is a color.
type rgb [3]uint8

// on are the colors of an ink on a light and on a dark ground.
func (i ink) on() (light, dark rgb) {
	c := [inks][2]rgb{
		inkGround:  {{255, 255, 255}, {13, 17, 23}},
		inkText:    {{31, 35, 40}, {230, 237, 243}},
		inkFaint:   {{101, 109, 118}, {141, 150, 160}},
		inkGrid:    {{225, 228, 232}, {48, 54, 61}},
		inkOnTime:  {{45, 164, 78}, {63, 185, 80}},
		inkByHand:  {{9, 105, 218}, {88, 166, 255}},
		inkLate:    {{212, 143, 0}, {227, 179, 65}},
		inkRunning: {{22, 158, 173}, {57, 197, 207}},
		inkFailed:  {{207, 34, 46}, {248, 81, 73}},
		inkHeat0:   {{241, 243, 245}, {27, 32, 38}},
		inkHeat1:   {{253, 224, 166}, {72, 52, 24}},
		inkHeat2:   {{250, 176, 92}, {125, 78, 22}},
		inkHeat3:   {{229, 103, 58}, {191, 96, 40}},
		inkHeat4:   {{158, 27, 50}, {255, 150, 90}},
		inkOnHeat1: {{31, 35, 40}, {230, 237, 243}},
		inkOnHeat2: {{31, 35, 40}, {255, 255, 255}},
		inkOnHeat3: {{0, 0, 0}, {0, 0, 0}},
		inkOnHeat4: {{255, 255, 255}, {0, 0, 0}},
		inkShift:   {{130, 80, 223}, {163, 113, 247}},
	}[i]
	return c[0], c[1]
}

// form is what a shape is.
type form uint8

const (
	rect  form = iota // x, y, w, h
	frame             // the border of one
	ring              // the border of a circle around x, y, w wide
	line              // from x, y to x+w, y+h
	words             // begin at x, on the line whose top is y
)

// shape is a part of a picture, in pixels of it.
type shape struct {
	form       form
	x, y, w, h int
	ink        ink
	text       string // of words
	title      string // what a pointer on it is told
}

// A letter is so many pixels wide, and a line so many high.
const (
	letter = 7
	lineUp = 16
)

// Picture is a drawing for SVG and PNG.
type Picture struct {
	w, h        int
	title, desc string
	shapes      []shape
}

func (p *Picture) add(s shape) { p.shapes = append(p.shapes, s) }

func (p *Picture) write(x, y int, ink ink, text string) {
	if text = plain(text); text != "" {
		p.add(shape{form: words, x: x, y: y, w: Cells(text) * letter, h: lineUp, ink: ink, text: text})
	}
}

// writeLines writes words below each other, as many on a line as have room, and returns where the next line is.
func (p *Picture) writeLines(x, y int, ink ink, list []string) int {
	at := x
	for _, text := range list {
		text = Fit(plain(text), (p.w-x-margin)/letter)
		if n := Cells(text) * letter; at > x && at+n > p.w-margin {
			at, y = x, y+lineUp+2
		}
		p.write(at, y, ink, text)
		at += (Cells(text) + 3) * letter
	}
	if len(list) == 0 {
		return y
	}
	return y + lineUp + 4
}

const margin = 14
