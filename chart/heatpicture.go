package chart

import "fmt"

const (
	boxWidth  = 30 // of an hour
	boxHeight = 20
)

// Picture draws the maps for SVG and PNG.
func (h Heat) Picture() *Picture {
	d := heatPicture{Heat: h, left: margin + 11*letter}
	right := d.left + 24*boxWidth + 9*letter
	d.Picture = &Picture{w: right + margin, title: h.Title, desc: h.says()}
	y := margin
	d.write(margin, y, inkText, Fit(plain(h.Title), (d.w-2*margin)/letter))
	y += lineUp + 10
	for i := range h.Maps {
		y = d.one(i, y) + 10
	}
	for _, note := range h.Notes {
		d.write(margin, y, inkShift, Fit(plain(note), (d.w-2*margin)/letter))
		y += lineUp + 2
	}
	d.h = y + margin - 8
	return d.Picture
}

// says is the picture in words.
func (h Heat) says() (text string) {
	text = fmt.Sprintf("%d days by hour", len(h.Days))
	for i, m := range h.Maps {
		n := 0
		for _, d := range h.Days {
			if m.Sum {
				n += d.total(m, i)
			} else {
				n = max(n, d.total(m, i))
			}
		}
		text += fmt.Sprintf(", %s: %d", m.Name, n)
	}
	return text
}

// heatPicture is a drawing: left is where the hours begin.
type heatPicture struct {
	Heat
	*Picture
	left int
}

// one draws a map from y on, and returns where it ends.
func (d heatPicture) one(m, y int) int {
	bounds := d.scale(m)
	d.write(margin, y, inkText, d.Maps[m].Name)
	d.legend(y, bounds)
	y += lineUp + 4
	for h := range 24 {
		d.write(d.left+h*boxWidth+(boxWidth-2*letter)/2, y, inkFaint, fmt.Sprintf("%02d", h))
	}
	word := "most"
	if d.Maps[m].Sum {
		word = "sum"
	}
	d.write(d.left+24*boxWidth+9*letter-len(word)*letter, y, inkFaint, word)
	y += lineUp + 2
	for _, day := range d.Days {
		d.day(day, m, y, bounds)
		y += boxHeight
	}
	return y
}

func (d heatPicture) day(day HeatDay, m, y int, bounds []int) {
	color, text := inkFaint, day.Date.Format("Mon 2 Jan")
	if wd := day.Date.Weekday(); wd == 0 || wd == 6 {
		color = inkText
	}
	if day.Shift != "" {
		color, text = inkShift, text+"*"
	}
	d.write(margin, y+2, color, text)
	for h, hour := range day.Hours {
		d.hour(day, h, hour, m, d.left+h*boxWidth, y, bounds)
	}
	if n := day.total(d.Maps[m], m); n > 0 {
		count := fmt.Sprint(n)
		d.write(d.left+24*boxWidth+9*letter-len(count)*letter, y+2, inkText, count)
	}
}

func (d heatPicture) hour(day HeatDay, h int, hour HeatHour, m, x, y int, bounds []int) {
	n := hour.count(m)
	step := level(n, bounds)
	title := fmt.Sprintf("%s %02d:00, %s: %d", day.Date.Format("Mon 2 Jan"), h, d.Maps[m].Name, n)
	box := shape{form: rect, x: x + 1, y: y + 1, w: boxWidth - 2, h: boxHeight - 2, ink: inkHeat0 + ink(step), title: title}
	switch {
	case hour.Minutes == 0:
		d.add(shape{form: line, x: x + 8, y: y + boxHeight - 4, w: boxWidth - 16, h: 8 - boxHeight, ink: inkShift, title: title + ": the clocks leave this hour out"})
		return
	case hour.Minutes != 60:
		box.title = fmt.Sprintf("%s, in %d minutes", title, hour.Minutes)
		d.add(shape{form: rect, x: x, y: y, w: boxWidth, h: boxHeight, ink: inkShift, title: box.title})
		box.x, box.y, box.w, box.h = x+2, y+2, boxWidth-4, boxHeight-4
	}
	d.add(box)
	if n > 0 {
		text := shortCount(n)
		d.write(x+(boxWidth-len(text)*letter)/2, y+2, inkOnHeat1+ink(max(step-1, 0)), text)
	}
}

// legend shows what the levels mean, at the right.
func (d heatPicture) legend(y int, bounds []int) {
	words := ranges(bounds)
	x := d.left + 24*boxWidth
	for i := len(words) - 1; i >= 0; i-- {
		x -= len(words[i]) * letter
		d.write(x, y, inkFaint, words[i])
		x -= boxHeight + 4
		d.add(shape{form: rect, x: x, y: y + 1, w: boxHeight, h: 13, ink: inkHeat0 + ink(heatLevels-len(bounds)+i+1)})
		x -= 2 * letter
	}
}
