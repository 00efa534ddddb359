package schedule

import (
	"testing"
	"time"
)

// TestSeen: what is seen first shortly before its range begins with it, and inside it waits for the next.
func TestSeen(t *testing.T) {
	at := func(text string) time.Time {
		u, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, c := range []struct{ text, now, next string }{
		{"15:30-15:40", "2026-11-25T15:29:31Z", "2026-11-25T15:30:00Z"},
		{"15:30-15:40", "2026-11-25T15:30:00Z", "2026-11-26T15:30:00Z"},
		{"15:30-15:40", "2026-11-25T15:35:00Z", "2026-11-26T15:30:00Z"},
		{"00:00-23:59", "2026-11-25T23:50:00Z", "2026-11-26T00:00:00Z"},
		{"@10m", "2026-11-25T15:29:31Z", "2026-11-25T15:39:31Z"},
		{"*/5 * * * *", "2026-11-25T15:29:31Z", "2026-11-25T15:30:00Z"},
		{"*/5 * * * *", "2026-11-25T15:30:00Z", "2026-11-25T15:35:00Z"},
		{"0 0 29 2 *", "2026-11-25T15:30:00Z", "2028-02-29T00:00:00Z"},
	} {
		s, err := Parse(c.text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		seen := s.Seen(at(c.now))
		if _, _, due := s.Latest(seen, at(c.now)); due {
			t.Errorf("%s seen at %s: a slot is due at once", c.text, c.now)
		}
		if next, _ := s.Next(seen, seen); next.Format(time.RFC3339) != c.next {
			t.Errorf("%s seen at %s: next is %s, wanted %s", c.text, c.now, next, c.next)
		}
	}
}
