package cmd

import "testing"

// TestIDWidth: what is left of the longest cut ids tells them apart.
func TestIDWidth(t *testing.T) {
	for _, c := range []struct {
		ids  []string
		want int
	}{
		{nil, 19},
		{[]string{"01a21474-83f1-7001-b5b6-3c3910a05750", "", ""}, 19},
		{[]string{"01a21474-83f1-7001-b5b6-3c3910a05750", "01a21474-83f1-7002-b380-d90d48e5df57"}, 19},
		{[]string{"01a21474-83f1-7001-b5b6-3c3910a05750", "01a21474-83f2-7001-b5b6-3c3910a05750", "01a21474-83f1-7001-b5b7-d90d48e5df57"}, 24},
	} {
		var rows []runRow
		for _, id := range c.ids {
			rows = append(rows, runRow{ID: id})
		}
		if got := idWidth(rows); got != c.want {
			t.Errorf("%q: %d, want %d", c.ids, got, c.want)
		}
	}
}
