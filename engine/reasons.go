package engine

import (
	"slices"
	"strings"
)

// kind is what the reasons with a part in them are counted as: a label has few values.
type kind struct{ part, name string }

func skipKinds() []kind {
	return []kind{
		{"requirement", "requirement"},
		{"lock ", "lock"},
		{"overlap", "overlap"},
		{"already running", "overlap"},
		{"frozen", "frozen"},
		{"not active", "not_active"},
		{"not for this node", "not_active"},
		{"disabled", "disabled"},
		{"", "other"},
	}
}

// missedKinds are of what whyMissed says.
func missedKinds() []kind {
	return []kind{
		{"put off", "put_off"},
		{"host was down", "host_down"},
		{"clock", "clock"},
		{"no tick", "no_tick"},
		{"too coarse", "too_coarse"},
		{"not here", "not_active"},
		{"", "other"},
	}
}

func skipReason(text string) string { return kindOf(text, skipKinds()) }

func missedReason(text string) string { return kindOf(text, missedKinds()) }

func kindOf(text string, kinds []kind) string {
	i := slices.IndexFunc(kinds, func(k kind) bool { return strings.Contains(text, k.part) })
	return kinds[i].name
}
