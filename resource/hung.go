package resource

import (
	"fmt"
	"sync"
)

// Hung remembers looks that were left behind, stuck in the kernel, until they come back. The zero
// value is ready for use, from any number of goroutines.
type Hung struct{ looks sync.Map }

// key tells looks apart by what they look at: the same mount of two services hangs for both.
func (*Hung) key(l *look) string { return fmt.Sprint(l.RID, l.Type, l.Keywords) }

func (h *Hung) has(l *look) bool {
	if h == nil {
		return false
	}
	_, stuck := h.looks.Load(h.key(l))
	return stuck
}

// add remembers l until done brings what it found.
func (h *Hung) add(l *look, done <-chan finding) {
	if h == nil {
		return
	}
	key := h.key(l)
	h.looks.Store(key, nil)
	go func() {
		<-done
		h.looks.Delete(key)
	}()
}
