package engine

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"om/service"
	"om/task"
)

// The kinds of collisions.
const (
	Stampede     = "stampede" // many tasks start in the same minute
	LongerPeriod = "period"   // a run takes longer than the time to the next slot of its task
	LockWanted   = "lock"     // a lock is wanted by more tasks at once than have room
	ResourceUsed = "resource" // tasks that require the same resource run at once
)

// Collision is what tasks do to each other, or a task to itself, again and again.
type Collision struct {
	Kind     string    `json:"kind"`
	What     string    `json:"what"`  // the lock, the resource, or the minutes of the day
	Tasks    []string  `json:"tasks"` // in their order
	First    time.Time `json:"first"`
	Times    int       `json:"times"`
	Most     int       `json:"most"`                // in a minute, or at once
	InSecond int       `json:"in_second,omitempty"` // of a stampede: the most in one second
	Text     string    `json:"text"`
	Spread   string    `json:"spread,omitempty"` // the value that is proposed
	Then     string    `json:"then,omitempty"`   // what it leaves
	Commands []string  `json:"commands,omitempty"`

	room int       // of the lock
	who  []int     // the tasks
	from time.Time // what is tried begins here
}

// manyCollisions is how many are told at most.
const manyCollisions = 100

// set is a set of small numbers.
type set []uint64

func (s *set) add(i int) {
	for len(*s) <= i/64 {
		*s = append(*s, 0)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

func (s *set) addAll(other set) {
	for len(*s) < len(other) {
		*s = append(*s, 0)
	}
	for i, word := range other {
		(*s)[i] |= word
	}
}

func (s set) members() (all []int) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			all = append(all, 64*i+bits.TrailingZeros64(word))
		}
	}
	return all
}

// collider looks for collisions among what is foreseen, which it is told in the order of time.
type collider struct {
	zone  *time.Location
	many  int // so many tasks in a minute are a stampede
	tasks []booked
	index map[task.ID]int

	minute  time.Time   // the one that is being gathered
	starts  []time.Time // in it
	who     set
	crowds  [24 * 60]crowd
	claimed map[claimed]*claim
}

// booked is a task, as far as it is known from its slots.
type booked struct {
	t     task.Task
	claim []claimed
	slot  time.Time     // the last one
	gap   time.Duration // the shortest time between two; 0 for none
	busy  time.Time     // up to here its last run goes on
	took  time.Duration // what its last run was assumed to take

	over  int // slots that met its own run
	first time.Time
}

// crowd is what starts in a minute of the day.
type crowd struct {
	who            set
	times          int
	most, inSecond int
	first          time.Time
}

// claimed is what tasks share.
type claimed struct {
	kind, name string
	places     int
}

// claim is who has it, and who wanted it as well.
type claim struct {
	open  []openRun
	who   set
	times int
	most  int
	first time.Time
	from  time.Time // when the earliest of those that met first began
}

func newCollider(zone *time.Location, many int) *collider {
	return &collider{zone: zone, many: many, index: map[task.ID]int{}, claimed: map[claimed]*claim{}}
}

// add makes a task known.
func (c *collider) add(t task.Task) {
	b := booked{t: t}
	for _, lock := range t.Plan.LockList() {
		b.claim = append(b.claim, claimed{LockWanted, lock.Name, lock.Places})
	}
	for _, r := range t.Requires {
		if strings.Contains(r.Subject, "#") {
			b.claim = append(b.claim, claimed{ResourceUsed, t.ID.Service + "/" + r.Subject, 1})
		}
	}
	c.index[t.ID] = len(c.tasks)
	c.tasks = append(c.tasks, b)
}

// tell is told of a decision.
func (c *collider) tell(f foreseen) {
	i, known := c.index[f.Task]
	if !known {
		return
	}
	b := &c.tasks[i]
	if f.Ended {
		b.busy = f.End
		return
	}
	if f.Run {
		c.crowd(i, f.Start)
	}
	if f.Slot.After(b.slot) { // else it is another attempt
		b.next(f)
		c.share(f, i)
	}
}

// next enters a slot of the task.
func (b *booked) next(f foreseen) {
	if gap := f.Slot.Sub(b.slot); !b.slot.IsZero() && (b.gap == 0 || gap < b.gap) {
		b.gap = gap
	}
	if b.slot = f.Slot; f.Slot.Before(b.busy) {
		if b.over += f.Count; b.first.IsZero() {
			b.first = f.Slot
		}
	}
	if f.Run {
		b.busy, b.took = f.End, f.End.Sub(f.Start)
	}
}

// share enters what a slot of a task takes that others want too.
func (c *collider) share(f foreseen, i int) {
	for _, what := range c.tasks[i].claim {
		switch {
		case what.kind == LockWanted && (f.Run || f.Locked): // as if it did not wait for it
			c.claim(what, openRun{f.Task, f.Slot, f.Slot.Add(max(c.tasks[i].took, time.Second))}, i)
		case what.kind == ResourceUsed && f.Run:
			c.claim(what, openRun{f.Task, f.Start, f.End}, i)
		}
	}
}

// claim enters who wants a thing, and drops who is done with it.
func (c *collider) claim(what claimed, r openRun, i int) {
	l := c.claimed[what]
	if l == nil {
		l = &claim{}
		c.claimed[what] = l
	}
	l.open = slices.DeleteFunc(l.open, func(o openRun) bool { return !o.end.After(r.start) || o.id == r.id })
	if len(l.open) >= what.places {
		for _, o := range l.open {
			l.who.add(c.index[o.id])
		}
		l.who.add(i)
		if l.times++; l.first.IsZero() {
			l.first, l.from = r.start, slices.MinFunc(l.open, func(x, y openRun) int { return x.start.Compare(y.start) }).start
		}
		l.most = max(l.most, len(l.open)+1)
	}
	l.open = append(l.open, r)
}

// crowd gathers the starts of a minute.
func (c *collider) crowd(i int, at time.Time) {
	if minute := at.Truncate(time.Minute); !minute.Equal(c.minute) {
		c.disperse()
		c.minute = minute
	}
	c.starts = append(c.starts, at)
	c.who.add(i)
}

// disperse enters the minute that was gathered, where it is a stampede.
func (c *collider) disperse() {
	n := 0
	for _, word := range c.who {
		n += bits.OnesCount64(word)
	}
	if n >= c.many {
		t := c.minute.In(c.zone)
		m := &c.crowds[t.Hour()*60+t.Minute()]
		m.who.addAll(c.who)
		if m.times++; m.first.IsZero() {
			m.first = c.minute
		}
		m.most, m.inSecond = max(m.most, n), max(m.inSecond, most(c.starts, time.Second))
	}
	c.starts = c.starts[:0]
	clear(c.who)
}

// most is how many of some moments are in the same part of time at most.
func most(at []time.Time, part time.Duration) (n int) {
	counts := map[time.Time]int{}
	for _, t := range at {
		t = t.Truncate(part).UTC()
		counts[t]++
		n = max(n, counts[t])
	}
	return n
}

// collisions are what was found, the worst first of each kind, with what would help.
func (c *collider) collisions(n *service.Node) []Collision {
	c.disperse()
	all := append(c.stampedes(), c.periods()...)
	for what, l := range c.claimed {
		if l.times > 0 {
			all = append(all, c.clash(what, l))
		}
	}
	order := []string{Stampede, LongerPeriod, LockWanted, ResourceUsed}
	slices.SortStableFunc(all, func(x, y Collision) int {
		return cmp.Or(slices.Index(order, x.Kind)-slices.Index(order, y.Kind), y.Most-x.Most, y.Times-x.Times, cmp.Compare(x.What, y.What))
	})
	all = all[:min(len(all), manyCollisions)]
	for i := range all {
		for _, k := range all[i].who {
			all[i].Tasks = append(all[i].Tasks, c.tasks[k].t.ID.String())
		}
		c.help(n, &all[i])
	}
	return all
}

// help proposes what would keep the tasks of a collision from each other.
func (c *collider) help(n *service.Node, x *Collision) {
	switch x.Kind {
	case Stampede:
		c.propose(n, x, inMinute, c.many-1)
	case LockWanted:
		c.propose(n, x, atOnce, x.room)
	case ResourceUsed:
		c.propose(n, x, atOnce, 1)
	}
}

// stampedes are the minutes in which many start; those of the same tasks are one.
func (c *collider) stampedes() (all []Collision) {
	same := map[string]int{}
	for i := range c.crowds {
		m := &c.crowds[i]
		if m.times == 0 {
			continue
		}
		key, minute := fmt.Sprint(m.who), fmt.Sprintf("%02d:%02d", i/60, i%60)
		at, known := same[key]
		if !known {
			same[key] = len(all)
			all = append(all, Collision{Kind: Stampede, What: minute, who: m.who.members(), First: m.first, from: m.first, Times: m.times, Most: m.most, InSecond: m.inSecond})
			continue
		}
		x := &all[at]
		x.What += " " + minute
		x.Times += m.times
		x.Most, x.InSecond = max(x.Most, m.most), max(x.InSecond, m.inSecond)
		if m.first.Before(x.First) {
			x.First, x.from = m.first, m.first
		}
	}
	for i := range all {
		x := &all[i]
		minutes := strings.Fields(x.What)
		if len(minutes) > 3 {
			x.What = fmt.Sprintf("%s and %d more minutes", strings.Join(minutes[:3], ", "), len(minutes)-3)
		} else {
			x.What = strings.Join(minutes, ", ")
		}
		x.Text = fmt.Sprintf("up to %d tasks start in the same minute, %d in the same second", x.Most, x.InSecond)
	}
	return all
}

// periods are the tasks that meet themselves.
func (c *collider) periods() (all []Collision) {
	for i, b := range c.tasks {
		if b.over == 0 {
			continue
		}
		all = append(all, Collision{
			Kind: LongerPeriod, What: b.t.Schedule, who: []int{i}, First: b.first, Times: b.over, Most: 2,
			Text: fmt.Sprintf("a run takes about %s, and the next slot may come after %s: give it a longer period, or a shorter run", b.took.Round(time.Second), b.gap),
		})
	}
	return all
}

func (c *collider) clash(what claimed, l *claim) Collision {
	x := Collision{Kind: what.kind, What: what.name, who: l.who.members(), First: l.first, Times: l.times, Most: l.most, room: what.places, from: l.from}
	if what.kind == LockWanted {
		x.Text = fmt.Sprintf("up to %d runs want a lock at once that has room for %d", l.most, what.places)
	} else {
		x.Text = fmt.Sprintf("up to %d runs require the same resource at once", l.most)
	}
	return x
}
