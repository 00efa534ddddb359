package task

import "strings"

// Nearest returns the word of list that is most like word, or "" if none is near: at most one edit
// for two to five letters, two from six on, and three from ten. An edit adds, drops or changes a letter, or
// swaps two neighbors (optimal string alignment distance). To leave out the last two letters is one, too.
func Nearest(word string, list []string) string {
	best, limit := "", edits(len(word))+1
	for _, w := range list {
		d := distance(word, w, limit)
		if len(word) > 2 && len(w) <= len(word)+2 && strings.HasPrefix(w, word) {
			d = min(d, 1)
		}
		if d < limit {
			best, limit = w, d
		}
	}
	return best
}

func edits(n int) int {
	switch {
	case n < 2:
		return 0
	case n < 6:
		return 1
	case n < 10:
		return 2
	}
	return 3
}

// distance is the optimal string alignment distance of a and b, or some number >= limit.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit || len(a) > 100 {
		return limit
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
