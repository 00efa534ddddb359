package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExplainFolderOfAnother: a folder that the user of the command can't enter makes the run an error, and one that only the
// user of a trigger can't enter that may fail does not; the user that is named is the one that can't enter.
func TestExplainFolderOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs tasks as somebody else")
	}
	dir := filepath.Join(inMemory(t), "locked")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cant := "user nobody can't enter its working directory " + dir + ": permission denied"
	for _, c := range []struct {
		text, why, doctor string
	}{
		{"user = nobody\n", cant, findError + " " + cant},
		{"trigger_user = nobody\npre_run = true\n", "", findWarning + " its pre_run can't run: " + cant},
		{"trigger_user = nobody\non_error = true\nblocking_post_run = true\n", cant, findError + " " + cant},
		{"", "", ""},
	} {
		v, line := seenNow(t, "[task#0]\ncommand = true\nlog = none\nschedule = cron:* * * * *\ncwd = "+dir+"\n"+c.text)
		line.now = line.now.Add(90 * time.Second)
		x, err := v.Explain(t.Context(), "s", "task#0", line.now)
		want := "its schedule starts it"
		if c.why != "" {
			want += ", and the run ends as error: " + c.why
		}
		if last := x.Checks[len(x.Checks)-1]; err != nil || !x.Run || x.Verdict != want || last.Name != "identity" || last.Pass != (c.why == "") {
			t.Errorf("%q: %+v, %v", c.text, x, err)
		}
		all, err := v.Schedules(t.Context(), "s", Selection{})
		if err != nil || len(all) != 1 || all[0].Why != c.why {
			t.Errorf("%q: %+v, %v", c.text, all, err)
		}
		svc, err := v.Load("s")
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, f := range v.doctorIdentity(t.Context(), &svc.Tasks[0]) {
			told = append(told, f.Severity+" "+f.Detail)
		}
		if got := strings.Join(told, "; "); got != c.doctor {
			t.Errorf("%q: the doctor says %q, want %q", c.text, got, c.doctor)
		}
	}
}
