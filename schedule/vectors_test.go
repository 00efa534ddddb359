package schedule_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
	"time"

	"om/schedule"
)

// A vector is a line of testdata/schedule/opensvc.jsonl. Its times are in UTC.
type vector struct {
	Expr    string
	Now     *string
	At      *string
	Last    *string
	Next    *string
	NextMin *string `json:"next_min"`
	NextMax *string `json:"next_max"`
	Allowed *bool
	Error   bool
}

// TestVectors replays the meaning of OpenSVC's notation, line by line.
func TestVectors(t *testing.T) {
	f, err := os.Open("../testdata/schedule/opensvc.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, failed := 0, map[string]int{}
	for in := bufio.NewScanner(f); in.Scan(); lines++ {
		var v vector
		if err := json.Unmarshal(in.Bytes(), &v); err != nil {
			t.Fatalf("line %d: %v", lines+1, err)
		}
		if bad := v.check(); bad != "" {
			if failed[v.Expr]++; failed[v.Expr] <= 3 {
				t.Errorf("line %d: %s: got %s", lines+1, in.Text(), bad)
			}
		}
	}
	if lines < 4000 {
		t.Errorf("only %d vectors", lines)
	}
}

// check returns what is wrong, "" for nothing.
func (v *vector) check() string {
	s, err := schedule.Parse("om: "+v.Expr, schedule.Options{Seed: schedule.NewSeed(v.Expr)})
	switch {
	case v.Error && err == nil:
		return "no error"
	case v.Error:
		return ""
	case err != nil:
		return err.Error()
	case v.Allowed != nil:
		if s.Allows(moment(v.Last), moment(v.At)) != *v.Allowed {
			return "the contrary"
		}
		return ""
	}
	next, ok := s.Next(moment(v.Last), moment(v.Now))
	switch {
	case v.NextMin != nil:
		if !ok || next.Before(moment(v.NextMin)) || next.After(moment(v.NextMax)) {
			return next.String()
		}
	case ok != (v.Next != nil), ok && !next.Equal(moment(v.Next)):
		return next.String()
	}
	return ""
}

func moment(text *string) time.Time {
	if text == nil {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02T15:04:05", *text)
	if err != nil {
		panic(err)
	}
	return at
}
