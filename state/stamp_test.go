package state_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"om/state"

	"github.com/google/go-cmp/cmp"
)

func TestStamps(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	a := state.Stamp{
		Service: "prod/web", MTime: time.Unix(1800000000, 123456789).UTC(), CTime: time.Unix(1800000001, 1).UTC(),
		Size: 1 << 40, Inode: math.MaxUint64, Error: "line 3: no '='", Good: []byte("[task#0]\n\x00\xff"),
	}
	b := state.Stamp{Service: "testmd", MTime: time.Unix(-1, 999999999).UTC(), Error: "absent"}
	good := state.Stamp{Service: "x", Size: 3, Good: []byte("kept")}
	if err := d.SetStamps(ctx, []state.Stamp{a, b, good}, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]state.Stamp{"prod/web": a, "testmd": b, "x": good}
	got, err := d.Stamps(ctx)
	if diff := cmp.Diff(without(want), got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for service, w := range want {
		if s, seen, err := d.StampOf(ctx, service); err != nil || !seen || cmp.Diff(w, s) != "" {
			t.Errorf("%s: %+v, %v, %v", service, s, seen, err)
		}
	}
	a.Error, a.Good, a.Size = "", nil, 5 // the text stays: no other could be used
	if err = d.SetStamps(ctx, []state.Stamp{a}, []string{"testmd", "nobody"}); err != nil {
		t.Fatal(err)
	}
	got, err = d.Stamps(ctx)
	if diff := cmp.Diff(without(map[string]state.Stamp{"prod/web": a, "x": good}), got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if s, _, err := d.StampOf(ctx, "prod/web"); err != nil || string(s.Good) != "[task#0]\n\x00\xff" {
		t.Errorf("the text that could be used last: %q, %v", s.Good, err)
	}
	if _, seen, err := d.StampOf(ctx, "testmd"); seen || err != nil {
		t.Errorf("one that is gone: %v, %v", seen, err)
	}
}

// without leaves out the texts, which only StampOf tells.
func without(stamps map[string]state.Stamp) map[string]state.Stamp {
	bare := map[string]state.Stamp{}
	for service, s := range stamps {
		s.Good = nil
		bare[service] = s
	}
	return bare
}

func TestFacts(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	for _, want := range []string{"", "1", "2\n\x00é", ""} {
		if want != "" {
			if err := errors.Join(d.SetFact(ctx, "tick", want), d.SetFact(ctx, "other", "x")); err != nil {
				t.Fatal(err)
			}
		} else if err := d.SetFact(ctx, "other", ""); err != nil {
			t.Fatal(err)
		} else if err = d.Exec("DELETE FROM meta WHERE key='tick'"); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Fact(ctx, "tick"); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}
