package schedule

import (
	"math"
	"time"
)

// The years that schedules are computed for: before and after them the zone is taken to stay as it is,
// and after lastYear there are no slots. Like that of systemd, the end makes each search one that ends.
const (
	firstYear = 1970
	lastYear  = 2199
)

// Years are the first and the last year in which schedules have slots.
func Years() (first, last int) { return firstYear, lastYear }

const day = 24 * 60 * 60 // seconds

// A Zone is a time zone laid out for arithmetic: stretches of time with one offset to UTC each. In a
// stretch local time is plain; all that clock changes do is between two of them. It never changes.
type Zone struct {
	loc     *time.Location
	starts  []int64  // the first instant of each stretch, in seconds since 1970 UTC; that of the first is before all
	offsets []int32  // seconds east of UTC
	index   []uint16 // the stretch at the begin of each 2^indexBits seconds from 1970 on
}

const indexBits = 24 // 194 days: most have one clock change at most

// UTC is a zone without changes.
func UTC() *Zone { return NewZone(time.UTC) }

// NewZone lays out a zone. It costs some 50 µs where clocks change twice a year, so it is done once
// for each: see Parser.
func NewZone(loc *time.Location) *Zone {
	z := &Zone{loc: loc}
	t := time.Date(firstYear-1, 1, 1, 0, 0, 0, 0, time.UTC).In(loc)
	_, offset := t.Zone()
	z.starts, z.offsets = append(z.starts, math.MinInt64), append(z.offsets, int32(offset)) //nolint:gosec // below a day
	horizon := time.Date(lastYear+1, 1, 2, 0, 0, 0, 0, time.UTC)
	for {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.After(horizon) {
			break
		}
		if !end.After(t) { // package time says so of the last day of leap years that only a rule covers
			end = t.Add(24 * time.Hour)
		}
		if _, o := end.Zone(); o != offset { // a change of the name alone is none
			offset = o
			z.starts, z.offsets = append(z.starts, end.Unix()), append(z.offsets, int32(offset)) //nolint:gosec // below a day
		}
		t = end
	}
	z.lay(horizon.Unix())
	return z
}

// lay fills the index.
func (z *Zone) lay(horizon int64) {
	i := 0
	for u := int64(0); u < horizon; u += 1 << indexBits {
		for i+1 < len(z.starts) && z.starts[i+1] <= u {
			i++
		}
		z.index = append(z.index, uint16(i)) //nolint:gosec // a zone has some hundred stretches
	}
}

// Name is the name of the zone in the time zone database, "Local" for the host's.
func (z *Zone) Name() string { return z.loc.String() }

// Location is the zone as package time knows it.
func (z *Zone) Location() *time.Location { return z.loc }

// at returns the stretch that holds the instant u.
func (z *Zone) at(u int64) int {
	if u < 0 {
		return z.before1970(u)
	}
	k := u >> indexBits
	if k >= int64(len(z.index)) {
		return len(z.starts) - 1
	}
	i := int(z.index[k])
	for i+1 < len(z.starts) && z.starts[i+1] <= u {
		i++
	}
	return i
}

func (z *Zone) before1970(u int64) int {
	i := 0
	for i+1 < len(z.starts) && z.starts[i+1] <= u {
		i++
	}
	return i
}

// end returns the instant at which stretch i is over.
func (z *Zone) end(i int) int64 {
	if i+1 < len(z.starts) {
		return z.starts[i+1]
	}
	return math.MaxInt64 / 2
}

// change returns the local times of the clock change at the begin of stretch i: what clocks would have
// shown, and what they show. With was < is they went forward and left out what is between (a gap); with
// is < was they went back and showed what is between twice (an overlap).
func (z *Zone) change(i int) (was, is int64) {
	if i == 0 || i >= len(z.starts) {
		return 0, 0
	}
	return z.starts[i] + int64(z.offsets[i-1]), z.starts[i] + int64(z.offsets[i])
}

// local returns what the clocks of the zone show at the instant u, in seconds since 1970.
func (z *Zone) local(u int64) int64 { return u + int64(z.offsets[z.at(u)]) }

// reach returns the first instant after u at which the clocks show a local time or a later one.
func (z *Zone) reach(u, local int64) int64 {
	for i := z.at(u); ; i++ {
		if v := local - int64(z.offsets[i]); v < z.end(i) {
			return max(v, z.starts[i], u+1)
		}
	}
}

func (z *Zone) time(u int64) time.Time { return time.Unix(u, 0).In(z.loc) }
