package task_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"om/task"
)

func TestParseRetCodes(t *testing.T) {
	tests := []struct {
		text string
		want map[int]task.Status
	}{
		{"", nil},
		{" \n", nil},
		{"0:up 1:down", map[int]task.Status{0: task.Up, 1: task.Down}},
		{"0:up\n\t2:warn 3:n/a 4:undef 255:down", map[int]task.Status{0: task.Up, 2: task.Warn, 3: task.NA, 4: task.Undef, 255: task.Down}},
	}
	for _, tt := range tests {
		got, err := task.ParseRetCodes(tt.text)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%q: %v, %v", tt.text, got, err)
		}
	}
	for _, text := range []string{"0", "up:0", "0:UP", "256:up", "-1:up", "0:up,1:down", "0:up 0:down", ":up", "0:stdby up"} {
		_, err := task.ParseRetCodes(text)
		if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), `"`) {
			t.Errorf("%q: error %v, want one that quotes the word", text, err)
		}
	}
}

func TestRetCode(t *testing.T) {
	own := map[int]task.Status{0: task.Down, 3: task.NA}
	tests := []struct {
		codes  map[int]task.Status
		code   int
		want   task.Status
		listed bool
	}{
		{nil, 0, task.Up, true},
		{nil, 1, task.Down, true},
		{nil, 2, task.Warn, false},
		{own, 0, task.Down, true},
		{own, 3, task.NA, true},
		{own, 1, task.Warn, false}, // what is written replaces the default, and does not add to it
	}
	for _, tt := range tests {
		got, listed := task.RetCode(tt.codes, tt.code)
		if got != tt.want || listed != tt.listed {
			t.Errorf("code %d of %v = %s, %t; want %s, %t", tt.code, tt.codes, got, listed, tt.want, tt.listed)
		}
	}
}
