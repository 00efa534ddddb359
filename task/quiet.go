package task

import (
	"slices"
	"strings"
)

// SplitQuiet splits quiet hours, as the keyword notify_quiet has them, into their ranges and the zone behind them; "" where
// there is none.
func SplitQuiet(text string) (ranges, zone string) {
	text = strings.TrimSpace(text)
	i := strings.LastIndexAny(text, " \t\n")
	if last := text[i+1:]; i > 0 && (strings.Contains(last, "/") || last == "UTC" || last == "Local") {
		return strings.TrimSpace(text[:i]), last
	}
	return text, ""
}

// QuietFor is the quiet hours that an event has to keep, with their zone: zone where they name none, "" being the host's. It is
// "" where there are none, or the event is urgent.
func (n *Notify) QuietFor(event, zone string) string {
	if n.Quiet == "" || slices.Contains(words(n.Urgent), event) {
		return ""
	}
	if _, named := SplitQuiet(n.Quiet); named != "" {
		return n.Quiet
	}
	if zone == "" {
		zone = "Local"
	}
	return n.Quiet + " " + zone
}
