package engine

// dueItem says when a task is due.
type dueItem struct {
	at    int64 // in microseconds
	place int
	memo  *memo
}

func (a dueItem) before(b dueItem) bool { return a.at < b.at || a.at == b.at && a.place < b.place } //nolint:unused // heap4 uses it

// heap4 is a heap with four children to a node, the first at the top.
type heap4[T interface{ before(other T) bool }] []T

func (h *heap4[T]) push(x T) {
	all := append(*h, x)
	i := len(all) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !x.before(all[up]) {
			break
		}
		all[i], i = all[up], up
	}
	all[i] = x
	*h = all
}

func (h *heap4[T]) pop() T {
	all := *h
	first, last := all[0], all[len(all)-1]
	all = all[:len(all)-1]
	*h = all
	if len(all) > 0 {
		all.sink(last)
	}
	return first
}

// sink puts an item in the place of the first.
func (h heap4[T]) sink(x T) {
	i := 0
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for k := first + 1; k < min(first+4, len(h)); k++ {
			if h[k].before(h[least]) {
				least = k
			}
		}
		if !h[least].before(x) {
			break
		}
		h[i], i = h[least], least
	}
	h[i] = x
}
