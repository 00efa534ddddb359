package chart

import (
	"fmt"
	"strings"
)

const (
	cellWidth = 2   // of a part of a row: two spans that are nearer are drawn as one
	parts     = 430 // of a row
	rowHeight = 20
	barHeight = 12
)

// Picture draws the lanes for SVG and PNG.
func (g Gantt) Picture() *Picture {
	label := 0
	for _, l := range g.Lanes {
		label = max(label, Cells(plain(l.Label)))
	}
	d := ganttPicture{Gantt: g, left: margin + (min(max(label, 11), 44)+2)*letter}
	d.Picture = &Picture{w: d.left + parts*cellWidth + margin, title: g.Title}
	d.desc = g.says()
	y := margin
	d.write(margin, y, inkText, Fit(plain(g.Title), (d.w-2*margin)/letter))
	y += lineUp + 10
	d.top = y + 2*lineUp + 2
	d.axis(y)
	y = d.top + 4
	for _, l := range g.Lanes {
		for _, r := range l.rows() {
			d.row(r, y)
			y += rowHeight
		}
	}
	d.grid(y)
	if y += 8; g.More != "" {
		d.write(margin, y, inkFaint, g.More)
		y += lineUp + 4
	}
	d.h = d.legend(y) + margin - 4
	return d.Picture
}

// ganttPicture is a drawing: left is where the time begins, top where the lanes do.
type ganttPicture struct {
	Gantt
	*Picture
	left, top int
}

// says is the picture in words.
func (g Gantt) says() string {
	counts := g.counts()
	text := fmt.Sprintf("%d tasks from %s to %s", len(g.Lanes), g.Axis.stamp(g.Axis.From), g.Axis.stamp(g.Axis.To))
	for k := range kinds {
		if n := counts[k]; n > 0 && k != Due {
			text += fmt.Sprintf(", %d %s", n, k)
		}
	}
	return text
}

func (d ganttPicture) axis(y int) {
	const room = 9 // of a label
	ticks := d.Axis.ticks(parts * cellWidth / (room * letter))
	if len(ticks) == 0 || strings.Contains(ticks[0].label, ":") {
		d.labels(y, d.Axis.days())
	}
	d.labels(y+lineUp, ticks)
}

func (d ganttPicture) labels(y int, ticks []tick) {
	free := d.left
	for i, k := range ticks {
		x := d.left + d.Axis.at(k.at, parts)*cellWidth
		end := d.left + parts*cellWidth
		if i+1 < len(ticks) {
			end = d.left + d.Axis.at(ticks[i+1].at, parts)*cellWidth
		}
		if x < free || x+len(k.label)*letter > end+margin {
			continue
		}
		d.write(x, y, inkFaint, k.label)
		free = x + (len(k.label)+1)*letter
	}
}

// grid draws what is behind the rows, up to y.
func (d ganttPicture) grid(y int) {
	shapes := d.shapes
	d.shapes = nil
	for _, k := range d.Axis.ticks(parts * cellWidth / (9 * letter)) {
		d.add(shape{form: rect, x: d.left + d.Axis.at(k.at, parts)*cellWidth, y: d.top, w: 1, h: y - d.top, ink: inkGrid})
	}
	for _, k := range d.Axis.days() {
		d.add(shape{form: rect, x: d.left + d.Axis.at(k.at, parts)*cellWidth, y: d.top - 4, w: 1, h: y - d.top + 4, ink: inkFaint})
	}
	d.add(shape{form: rect, x: margin, y: d.top, w: d.w - 2*margin, h: 1, ink: inkGrid})
	d.add(shape{form: rect, x: margin, y: y, w: d.w - 2*margin, h: 1, ink: inkGrid})
	for _, shift := range d.Axis.Shifts() {
		x := d.left + d.Axis.at(shift.At, parts)*cellWidth
		for top := d.top - 4; top < y; top += 8 {
			d.add(shape{form: rect, x: x, y: top, w: 2, h: min(5, y-top), ink: inkShift, title: shift.String()})
		}
	}
	d.shapes = append(d.shapes, shapes...)
}

func (d ganttPicture) row(r row, y int) {
	if r.label == "" {
		d.write(margin+2*letter, y+2, inkFaint, "at once")
	}
	d.write(margin, y+2, inkText, fitEnd(plain(r.label), (d.left-margin)/letter-1))
	cells := d.Axis.raster(r.spans, parts)
	for i := 0; i < len(cells); {
		j := i + 1
		for ; j < len(cells) && cells[j].span == cells[i].span && cells[j].kind == cells[i].kind; j++ {
			cells[i].more = max(cells[i].more, cells[j].more)
		}
		if c := cells[i]; c.span >= 0 {
			d.bar(c.kind, d.left+i*cellWidth, y+rowHeight/2, (j-i)*cellWidth, d.title(r.spans[c.span], c))
		}
		i = j
	}
}

func (d ganttPicture) title(s Span, c cell) string {
	text := d.Axis.says(s)
	if c.more > 0 {
		text += fmt.Sprintf("; and %d more here", c.more)
	}
	return text
}

// bar draws a span of a kind around the height mid: no two kinds have the same form.
func (d ganttPicture) bar(k Kind, x, mid, w int, title string) {
	const half = barHeight / 2
	color := k.look().ink
	box := shape{form: rect, x: x, y: mid - half, w: w, h: barHeight, ink: color, title: title}
	switch k {
	case Due:
		box.y, box.h = mid-1, 2
	case Skipped:
		box.y, box.h, box.w = mid-2, 4, max(w, 4)
	case Waiting:
		box.form, box.x, box.w = frame, x-3, max(w, 6)
	case ByHand:
		box.y, box.h = mid-3, 6
	case Late:
		box.y, box.h = mid-half, 4
		d.add(box)
		box.y = mid + half - 4
		d.add(box)
		box.y, box.h, box.w = mid-half, barHeight, 2
	case Cancelled:
		box.form, box.w = frame, max(w, 4)
	case Missed:
		box.form, box.x, box.y, box.w = ring, x+1, mid, 10
		if w > 14 { // several in a row
			box.form, box.x, box.y, box.w, box.h = frame, x-4, mid-5, w+8, 10
		}
	case Running:
		d.add(shape{form: line, x: x + w, y: mid - half, w: 5, h: half, ink: color, title: title})
		d.add(shape{form: line, x: x + w, y: mid + half, w: 5, h: -half, ink: color, title: title})
	case Failed:
		d.cross(box, mid)
		return
	}
	d.add(box)
}

// cross draws a bar with an X at its end.
func (d ganttPicture) cross(box shape, mid int) {
	end := box.x + box.w
	box.y, box.h = mid-3, 6
	d.add(box)
	d.add(shape{form: line, x: end - 5, y: mid - 6, w: 10, h: 12, ink: box.ink, title: box.title})
	d.add(shape{form: line, x: end - 5, y: mid + 6, w: 10, h: -12, ink: box.ink, title: box.title})
}

// legend shows a bar of each kind that there is, and when clocks are set, and returns where it ends.
func (d ganttPicture) legend(y int) int {
	x := margin
	counts := d.counts()
	for k := range kinds {
		if counts[k] == 0 {
			continue
		}
		text := fmt.Sprintf("%s %d", k, counts[k])
		if k == Due {
			text = k.String()
		}
		if x+34+len(text)*letter > d.w-margin && x > margin {
			x, y = margin, y+lineUp+4
		}
		d.bar(k, x+6, y+lineUp/2, 14, "")
		d.write(x+32, y, inkText, text)
		x += 32 + (len(text)+2)*letter
	}
	if x > margin {
		y += lineUp + 4
	}
	y = d.writeLines(margin, y, inkText, d.notes())
	var words []string
	for _, shift := range d.Axis.Shifts() {
		words = append(words, shift.String())
	}
	return d.writeLines(margin, y, inkShift, words)
}
