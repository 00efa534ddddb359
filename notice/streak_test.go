package notice_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"om/notice"
	"om/task"
)

// TestStreak: rows of ends, and which of them are told. A letter is a run, a number the hours that pass.
func TestStreak(t *testing.T) {
	states := map[byte]task.RunState{
		'c': task.Complete, 'e': task.Failed, 'k': task.Killed, 't': task.TimedOut, 'l': task.Lost, 'x': task.Cancelled,
	}
	for _, c := range []struct{ name, on, renotify, runs, want string }{
		{"a task that is well says nothing", "", "24h", "ccc", "- - -"},
		{"the first failure is told, the others are not", "", "24h", "ceee", "- failed - -"},
		{"a success after it is told once", "", "24h", "eecc", "failed - recovered -"},
		{"a timeout goes on with a row of failures", "", "24h", "ete", "failed - -"},
		{"a killed run is a failure", "", "24h", "kc", "failed recovered"},
		{"a lost run is told each time", "", "24h", "ell", "failed lost lost"},
		{"a failure that goes on is told again", "", "24h", "e9e9e9e9e", "failed - - failed -"},
		{"and then not before the time is over again", "", "24h", "e9e9e9e9e9e9e", "failed - - failed - - failed"},
		{"never again with 0", "", "0s", "e9e9e9e9e", "failed - - - -"},
		{"each row begins anew", "", "24h", "ecec", "failed recovered failed recovered"},
		{"a cancelled run changes nothing", "", "24h", "cxexec", "- - failed - - recovered"},
		{"what is not chosen is not told, and the first that is chosen is", "failed", "24h", "teec", "- failed - -"},
		{"recovered alone", "recovered", "24h", "eecc", "- - recovered -"},
		{"each success", "ok", "24h", "cecc", "ok - ok ok"},
		{"a recovery is a success where only those are told", "ok recovered", "24h", "ecc", "- recovered ok"},
		{"nothing", "none", "24h", "etlc", "- - - -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
			n := task.Notify{On: c.on}
			n.Renotify, _ = time.ParseDuration(c.renotify)
			var s notice.Streak
			var got []string
			for i := range len(c.runs) {
				state, isRun := states[c.runs[i]]
				if !isRun {
					now = now.Add(time.Duration(c.runs[i]-'0') * time.Hour)
					continue
				}
				var kind string
				s, kind = notice.ReadStreak(s.Fact()).End(task.Run{ID: fmt.Sprint("r", i), State: state}, n, now)
				if kind == "" {
					kind = "-"
				}
				got = append(got, kind)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", strings.Join(got, " "), c.want)
			}
		})
	}
}

// TestStreakSeen: a run is known again, the memory stays small, and a fact that is broken is none.
func TestStreakSeen(t *testing.T) {
	var s notice.Streak
	id := func(i int) task.Run {
		return task.Run{ID: fmt.Sprintf("01a2fa2a-36c8-7aaa-8aaa-%012d", i), State: task.Failed}
	}
	for i := range 1000 {
		if s.Knows(id(i)) {
			t.Fatalf("run %d is known before it ended", i)
		}
		s, _ = s.End(id(i), task.Notify{}, time.Unix(int64(i), 0))
	}
	if !s.Knows(id(999)) || !s.Knows(id(990)) || len(s.Fact()) > 1000 {
		t.Errorf("got %d bytes: %s", len(s.Fact()), s.Fact())
	}
	if got := notice.ReadStreak(`{"runs": "x`); got.Runs != 0 || got.Seen != nil {
		t.Errorf("got %+v", got)
	}
}

// TestLine: nothing that a command wrote begins a line of its own.
func TestLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"exit code 3", "exit code 3"},
		{"a\r\nBcc: eve@example.com\x00\x1b[2J", "a  Bcc: eve@example.com  [2J"},
		{"\xff\xfe", "\ufffd"},
		{"a\u202eb\u2028c", "a b c"},
		{strings.Repeat("é", 600), strings.Repeat("é", 500) + "..."},
	} {
		if got := notice.Line(c.text); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

// TestShown: of a URL only the host is shown, for any other part may be a secret.
func TestShown(t *testing.T) {
	for to, want := range map[string]string{
		"https://om:pa55word@hooks.example.com:8443/s3cret?k=v": "hooks.example.com:8443", "http://[::1]:80": "[::1]:80",
		"https://hooks.example.com?token=s3cret/@x": "hooks.example.com", "nonsense": "",
	} {
		target := notice.Target{Kind: notice.Webhook, To: to}
		if got := target.Shown(); got != want {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
	}
	if target := (notice.Target{Kind: notice.Mail, To: "ops@example.com"}); target.Shown() != "ops@example.com" {
		t.Errorf("got %s", target.Shown())
	}
}
