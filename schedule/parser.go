package schedule

import (
	"strings"
	"sync"
	"time"
)

// A Parser reads schedules, and keeps what they share: each zone is laid out once, and equal texts that
// mean the same make one Schedule. It may be used by several goroutines.
type Parser struct {
	load   func(name string) (*time.Location, error)
	mu     sync.Mutex
	zones  map[string]*Zone
	shared map[sharedKey]*Schedule
	gaps   map[*Schedule]time.Duration
}

// sharedKey is all that the meaning of a text depends on.
type sharedKey struct {
	text                       string
	zone                       *Zone
	notBefore, notAfter, start int64
	spread                     time.Duration
	seed                       Seed
	gap                        Gap
	overlap                    Overlap
	random                     bool
	seeded                     bool // the text means another schedule for each seed
}

// maxShared bounds what a Parser that lives long keeps of texts that are no longer in use.
const maxShared = 1 << 16

// NewParser returns a Parser that finds zones by load, which is time.LoadLocation but in tests. A run by
// hand makes one and reads nothing with it: it costs next to nothing until then.
func NewParser(load func(name string) (*time.Location, error)) *Parser {
	return &Parser{load: load}
}

// Zone finds a zone by its name in the time zone database. The empty name is UTC.
func (p *Parser) Zone(name string) (*Zone, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if z := p.zones[name]; z != nil {
		return z, nil
	}
	loc, err := p.load(name)
	if err != nil {
		return nil, err
	}
	if p.zones == nil {
		p.zones = map[string]*Zone{}
	}
	z := NewZone(loc)
	p.zones[name] = z
	return z, nil
}

// Parse is the function Parse, with the zones of p where the options have none.
func (p *Parser) Parse(text string, o Options) (*Schedule, error) {
	if o.Zones == nil {
		o.Zones = p.Zone
	}
	if o.Zone == nil {
		z, err := p.Zone("")
		if err != nil {
			return nil, err
		}
		o.Zone = z
	}
	key := keyOf(text, &o)
	if s := p.known(key); s != nil {
		return s, nil
	}
	s, err := Parse(text, o)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil || len(p.shared) >= maxShared {
		p.shared = map[sharedKey]*Schedule{}
	}
	if o.Spread == 0 && !s.Seeded() {
		key = key.anySeed()
	}
	p.shared[key] = s
	return s, nil
}

// known returns the schedule of a key, or that of all seeds where its text depends on none, so that the
// tasks of a fleet share.
func (p *Parser) known(key sharedKey) *Schedule {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.shared[key.anySeed()]; s != nil {
		return s
	}
	return p.shared[key]
}

func keyOf(text string, o *Options) sharedKey {
	key := sharedKey{
		text: text, zone: o.Zone, spread: o.Spread, seed: o.Seed, gap: o.Gap, overlap: o.Overlap, random: o.Random, seeded: true,
		notBefore: never, notAfter: instant(o.NotAfter), start: instant(o.Boot),
	}
	if !o.NotBefore.IsZero() {
		key.notBefore = ceil(o.NotBefore)
	}
	return key
}

// Seeded says that the seed bears on the schedule also without spread. In the canonical form a range with ~, cron's H and
// anacron's RANDOM_DELAY are always written so.
func (s *Schedule) Seeded() bool { return strings.ContainsAny(s.text, "~HR") }

func (k sharedKey) anySeed() sharedKey {
	k.seed, k.seeded = 0, false
	return k
}
