package main

import (
	"encoding/json"
	"sync"
	"time"

	"om/notice"
)

// The protocol of healthchecks.io asks for no more than 5 pings a minute, and takes so much of a body where it
// does not say.
const (
	pingsAMinute  = 5
	pingBody      = 10_000
	mostPingBody  = 1 << 20
	paceFile      = "pace"
	paceForgotten = 24 * time.Hour
	mostPaced     = 4096 // targets, before the old ones are looked for
)

// pace is what is known of servers that are pinged, kept beside the spool: omd notify --once begins anew each
// minute.
type pace struct {
	mu      sync.Mutex
	targets map[string]pinged
}

type pinged struct {
	Last  []time.Time `json:"last"`            // the last pings
	Limit *int        `json:"limit,omitempty"` // the bytes of a body that the server takes
}

// loadPace reads what was kept; nothing is known where that can't be read.
func loadPace(s *notice.Spool) *pace {
	p := &pace{targets: map[string]pinged{}}
	if json.Unmarshal(s.Noted(paceFile), &p.targets) != nil || p.targets == nil {
		p.targets = map[string]pinged{}
	}
	return p
}

// next is when a target may be pinged again.
func (p *pace) next(key string, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.targets[key].Last
	if len(last) < pingsAMinute || last[0].After(now) { // the clock was set back
		return now
	}
	return last[0].Add(time.Minute)
}

func (p *pace) note(key string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[key]
	t.Last = append(t.Last[max(0, len(t.Last)-pingsAMinute+1):len(t.Last):len(t.Last)], now)
	p.targets[key] = t
	if len(p.targets) > mostPaced { // a daemon lives long
		p.forget(now)
	}
}

// forget drops what is known of targets that were not pinged within a day.
func (p *pace) forget(now time.Time) {
	for key, t := range p.targets {
		if len(t.Last) == 0 || now.Sub(t.Last[len(t.Last)-1]) > paceForgotten {
			delete(p.targets, key)
		}
	}
}

// body is how much of an output a target takes.
func (p *pace) body(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := p.targets[key].Limit; limit != nil {
		return *limit
	}
	return pingBody
}

func (p *pace) learn(key string, limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[key]
	limit = min(max(limit, 0), mostPingBody)
	t.Limit = &limit
	p.targets[key] = t
}

// save keeps what is known of targets that were pinged within a day.
func (p *pace) save(s *notice.Spool, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	if len(p.targets) == 0 {
		return nil
	}
	text, err := json.Marshal(p.targets)
	if err != nil {
		return err
	}
	return s.Note(paceFile, text)
}
