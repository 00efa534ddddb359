package schedule

import (
	"testing"
	"time"
)

// TestDates holds the arithmetic of days against that of package time, for four centuries and each day.
func TestDates(t *testing.T) {
	at := time.Date(1968, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := int64(-731); n < 146097; n++ {
		y, m, d := date(n)
		if ty, tm, td := at.Date(); y != ty || m != int(tm) || d != td {
			t.Fatalf("day %d is %d-%d-%d: wanted %v", n, y, m, d, at)
		}
		if got := dayNumber(y, m, d); got != n {
			t.Fatalf("%v is day %d: wanted %d", at, got, n)
		}
		monday := n - int64(weekday(n))
		if _, week := at.ISOWeek(); isoWeek(monday) != week || (weekday(n)+1)%7 != int(at.Weekday()) {
			t.Fatalf("%v: week %d, weekday %d", at, isoWeek(monday), weekday(n))
		}
		if mo := monthOf(y, m); mo.days != time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() || mo.first+int64(d)-1 != n {
			t.Fatalf("%v: its month is %+v", at, mo)
		}
		at = at.AddDate(0, 0, 1)
	}
	if y, m, d := date(endOfDays); y != lastYear+1 || m != 1 || d != 1 {
		t.Errorf("the end of days is %d-%d-%d", y, m, d)
	}
}

// TestKinds shows that years of one kind have the same weeks and weekdays, and that all kinds come up.
func TestKinds(t *testing.T) {
	for k, y := range kindYears() {
		if kind(y) != k {
			t.Errorf("%d is of kind %d: wanted %d", y, kind(y), k)
		}
	}
	for y := firstYear; y <= lastYear+200; y++ {
		same := kindYears()[kind(y)]
		for m := 1; m <= 12; m++ {
			a, b := monthOf(y, m), monthOf(same, m)
			if a.days != b.days || a.start != b.start {
				t.Fatalf("%d is of the kind of %d, and month %d differs", y, same, m)
			}
			for w := range 53 {
				mask := weekMask(&a, 1<<w)
				if mask != weekMask(&b, 1<<w) {
					t.Fatalf("%d is of the kind of %d, and week %d differs", y, same, w+1)
				}
				if mask != 0 && monthsOf(1<<w)>>(m-1)&1 == 0 {
					t.Fatalf("%d-%d has days of week %d", y, m, w+1)
				}
			}
		}
	}
}
