package migrate_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"om/migrate"
	"om/service"
)

// TestAgentVectors replays what both agents of OpenSVC were seen to do. The rules alone give each answer; the replay of the
// agents does, or says in what they depart from the rules.
func TestAgentVectors(t *testing.T) {
	f, err := os.Open("../testdata/schedule/opensvc.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, departures := 0, 0
	for in := bufio.NewScanner(f); in.Scan(); {
		var v struct {
			Expr             string
			Now, Last, Next  *string
			NextMin, NextMax *string
			Error            bool
		}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(in.Text(), "next_m", "nextM")), &v); err != nil {
			t.Fatal(err)
		}
		if v.Error || v.Now == nil {
			continue
		}
		lines++
		agents, rules, departs, fault := migrate.AgentNext(v.Expr, vectorTime(v.Last), vectorTime(v.Now))
		if fault != "" {
			t.Errorf("%s: %s", in.Text(), fault)
			continue
		}
		low, high := vectorTime(v.Next), vectorTime(v.Next)
		if v.NextMin != nil {
			low, high = vectorTime(v.NextMin), vectorTime(v.NextMax)
		}
		if rules.Before(low) || rules.After(high) {
			t.Errorf("%s: the rules give %s", in.Text(), rules)
		}
		if agents.Before(low) || agents.After(high) {
			far := low.Year() > vectorTime(v.Now).Year()+1 // the agents' search ends before
			if departures++; !departs && !far {
				t.Errorf("%s: the agents give %s, without a reason", in.Text(), agents)
			}
		}
	}
	if lines < 2800 || departures == 0 {
		t.Errorf("%d vectors, %d of them with departures", lines, departures)
	}
	t.Logf("%d vectors; in %d of them the agents depart from their rules", lines, departures)
}

func vectorTime(text *string) time.Time {
	if text == nil {
		return time.Time{}
	}
	at, _ := time.Parse("2006-01-02T15:04:05", *text)
	return at
}

// proveService proves the tasks of a file of OpenSVC's, each with one of the schedules.
func proveService(t *testing.T, p *migrate.Prover, head string, schedules ...string) []migrate.Proof {
	t.Helper()
	text := head
	for i, s := range schedules {
		text += fmt.Sprintf("[task#%d]\ncommand = true\nschedule = %s\n", i, s)
	}
	o := migrate.OpenSVC{Text: text, File: "s.conf", Path: "s"}
	d := o.Draft(p.Node)
	file, err := d.Write(p.Node)
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := p.Prove(&d, file)
	if err != nil {
		t.Fatal(err)
	}
	if len(proofs) != len(schedules) {
		t.Fatalf("%d proofs of %d schedules\n%s", len(proofs), len(schedules), file)
	}
	return proofs
}

// TestProveAgent has what the agents and om make of the same schedules.
func TestProveAgent(t *testing.T) {
	for _, row := range []struct{ schedule, want, cause string }{
		{"09:00", "28 28", ""},
		{"@10", "4032 4032", ""},
		{"~01:00-05:00 mon-fri", "20 20", ""},
		{"@90m", "448 448", ""},
		{"08:00-18:00@1h mon-fri", "220 220", ""},
		{"22:00-02:00@30m", "251 251", ""},
		{"09:00,21:00", "56 56", ""},
		{`["00:00-02:00@121", "12:00-14:00@121"]`, "55 55", ""},
		{"08:00-09:00,18:00-19:00", "28 56", "the agents leave out the rest of a day"},
		{"02:00-03:00,09:00", "28 56", "of several ranges"},
		{"* fri", "8 4", "on days that the schedule does not have"},
		{"* mon-fri", "23 20", "on days that the schedule does not have"},
		{`["@1h", "! * sat,sun"]`, "488 480", "the last moment of a day that is excluded"},
		{"09:00 * * jan-mar%2", "0 0", ""},
		{"0 9 * * *", "0 28", "the agents refuse this schedule"},
	} {
		p := prover(t, "UTC", "2025-03-03T00:00:00Z", "2025-03-31T00:00:00Z")
		proof := proveService(t, p, "", row.schedule)[0]
		got, _, _ := strings.Cut(said(&proof), " | ")
		if got != row.want || !proof.Explained() || len(proof.Differences) > 0 != (row.cause != "") {
			t.Errorf("%s: got %s, want %s", row.schedule, said(&proof), row.want)
			continue
		}
		if row.cause != "" && !strings.Contains(proof.Differences[0].Cause, row.cause) {
			t.Errorf("%s: %s", row.schedule, proof.Differences[0].Cause)
		}
	}
}

// TestProveAgentDown: a start in a range is made up for, one at a point is not.
func TestProveAgentDown(t *testing.T) {
	p := prover(t, "UTC", "2025-03-03T00:00:00Z", "2025-03-31T00:00:00Z")
	p.Down = []migrate.Span{{From: moment(t, "2025-03-10T22:00:00Z"), To: moment(t, "2025-03-12T03:00:00Z")}}
	for i, proof := range proveService(t, p, "", "@1d", "00:00-06:00", "09:00", "@10m", "08:00-18:00@1h") {
		if len(proof.Differences) > 0 {
			t.Errorf("%d: %s", i, said(&proof))
		}
	}
}

// TestProveAgentElsewhere: a zone that the agents do not know is not explained; that of the host is carried.
func TestProveAgentElsewhere(t *testing.T) {
	p := prover(t, "Europe/Paris", "2025-05-01T00:00:00Z", "2025-05-08T00:00:00Z")
	if proof := proveService(t, p, "[DEFAULT]\ntimezone = Asia/Tokyo\n", "09:00")[0]; proof.Explained() {
		t.Errorf("got %s", said(&proof))
	}
	o := migrate.OpenSVC{Text: "[task#0]\ncommand = true\nschedule = 09:00\n", File: "s.conf", Path: "s", Zone: "Europe/Paris"}
	d := o.Draft(p.Node)
	p.Node.Timezone = "UTC"
	text, _ := d.Write(p.Node)
	proofs, err := p.Prove(&d, text)
	if err != nil || len(proofs[0].Differences) > 0 {
		t.Errorf("%v, %+v", err, proofs)
	}
}

// TestProveAgentByChance: whatever a file says, each difference is explained.
func TestProveAgentByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, host := range []string{"UTC", "Europe/Paris", "America/New_York"} {
		var schedules []string
		p := prover(t, host, "2026-09-01T00:00:00Z", "2027-04-10T00:00:00Z")
		for len(schedules) < 20 {
			text := agentSchedule(r)
			if s := service.Parse("s.conf", "s", []byte("[task#0]\ncommand = a\nschedule = "+text+"\n"), p.Node); len(s.Tasks) == 1 {
				schedules = append(schedules, text)
			}
		}
		for _, proof := range proveService(t, p, "", schedules...) {
			if !proof.Explained() {
				t.Errorf("%s %s: %.600s", host, proof.Schedule, said(&proof))
			}
		}
	}
}

// agentSchedule writes a schedule by chance.
func agentSchedule(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	one := func() string {
		text := pick("*", "09:00", "@20m", "@7h", "@1d", "00:00-06:00", "~01:00-05:00", "22:00-02:00", "08:00-18:00@1h", "23:00-01:00@20m", "08:00-09:00,18:00-19:00", "02:00-04:00@3h")
		if r.IntN(2) == 0 {
			return text
		}
		text += " " + pick("mon-fri", "sat,sun", "*:1", "*:last", "fri:13", "sun-tue", "*")
		if r.IntN(2) == 0 {
			text += " " + pick("*", "50-2", "1-40", "53")
			if r.IntN(2) == 0 {
				text += " " + pick("*", "%2", "%3+1", "nov-feb", "jan")
			}
		}
		return text
	}
	if r.IntN(3) > 0 {
		return one()
	}
	list := []string{one(), one()}
	if r.IntN(2) == 0 {
		list = append(list, "!"+pick("00:00-11:00", "* sat,sun", "12:00-18:55", "22:00-03:00", "* * * dec"))
	}
	text, _ := json.Marshal(list)
	return string(text)
}
