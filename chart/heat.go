package chart

import (
	"fmt"
	"math"
	"math/big"
	"sort"
	"strconv"
	"time"
)

// Heat is a picture of days below each other and hours from left to right, in each of which is so much.
type Heat struct {
	Title string
	Maps  []HeatMap
	Days  []HeatDay
	Notes []string // lines below it
}

// HeatMap is one of the counts that the hours of a Heat have.
type HeatMap struct {
	Name string
	Sum  bool // what a day has is the sum of its hours; else the most of them
}

// HeatDay is a day. An hour has a count for each map.
type HeatDay struct {
	Date  time.Time // when it begins, in its zone
	Shift string    // when clocks are set on it: "clocks +1h at 02:00"
	Hours [24]HeatHour
}

// HeatHour is what an hour holds. Clocks that are set leave hours out (0 minutes), or make them longer.
type HeatHour struct {
	Counts  []int
	Minutes int
}

func (h HeatHour) count(m int) int {
	if m >= len(h.Counts) {
		return 0
	}
	return h.Counts[m]
}

// heatLevels is how many steps of heat there are above nothing.
const heatLevels = 4

// scale are the upper bounds of the levels of a map: from the least that is more than nothing to the most, each about as many
// times the one before as the next.
func (h Heat) scale(m int) (bounds []int) {
	least, most := math.MaxInt, 0
	for _, d := range h.Days {
		for _, hour := range d.Hours {
			if n := hour.count(m); n > 0 {
				least, most = min(least, n), max(most, n)
			}
		}
	}
	for k := 1; k <= heatLevels && most > 0; k++ {
		bound := between(least, most, k)
		if len(bounds) == 0 || bound > bounds[len(bounds)-1] {
			bounds = append(bounds, bound)
		}
	}
	return bounds
}

// between is k steps of heatLevels, which all multiply by the same, from least to most, rounded up. It is computed with whole
// numbers: everywhere alike.
func between(least, most, k int) int {
	want := new(big.Int).Mul(power(least, heatLevels-k), power(most, k))
	return least + sort.Search(most-least, func(i int) bool { return power(least+i, heatLevels).Cmp(want) >= 0 })
}

func power(x, k int) *big.Int {
	return new(big.Int).Exp(big.NewInt(int64(x)), big.NewInt(int64(k)), nil)
}

// level is which of the bounds a count is within: 0 for nothing.
func level(count int, bounds []int) int {
	if count == 0 {
		return 0
	}
	for i, b := range bounds {
		if count <= b {
			return heatLevels - len(bounds) + i + 1
		}
	}
	return heatLevels
}

// ranges are the levels in words: "1-3".
func ranges(bounds []int) (words []string) {
	last := 0
	for _, b := range bounds {
		word := strconv.Itoa(b)
		if b > last+1 {
			word = fmt.Sprintf("%d-%d", last+1, b)
		}
		words = append(words, word)
		last = b
	}
	return words
}

// total is what a day has of a map.
func (d HeatDay) total(m HeatMap, i int) (n int) {
	for _, h := range d.Hours {
		if m.Sum {
			n += h.count(i)
		} else {
			n = max(n, h.count(i))
		}
	}
	return n
}

// shortCount is a count in at most three cells.
func shortCount(n int) string {
	switch {
	case n < 1000:
		return strconv.Itoa(n)
	case n < 100_000:
		return strconv.Itoa(n/1000) + "k"
	case n < 1_000_000:
		return "." + strconv.Itoa(n/100_000) + "M"
	case n < 100_000_000:
		return strconv.Itoa(n/1_000_000) + "M"
	}
	return "lot"
}
