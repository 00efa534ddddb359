package service

import (
	"slices"
	"strings"

	"om/task"
)

// The values of the keyword run_on that stand alone: where the service is active, which is the default, on one of its
// nodes, on each of them.
const (
	OnActive = "active"
	OnAny    = "any"
	OnAll    = "all-nodes"
)

// Several says that other nodes may have the service too: it lists several, or a pattern.
func (s *Service) Several() bool { return s.place.several }

// Alone says that of the nodes that have tasks to run this one is the only one.
func (s *Service) Alone() bool { return s.place.alone }

// One is the node that stands for all nodes of the service: flex_primary, by default the first of nodes. Without a cluster
// nodes can agree on no other. It is "" where that is no name, but a pattern or a label that several may fit.
func (s *Service) One() string { return s.place.one }

// Others are the other nodes that the lists of the service name, in lower case. Patterns and labels name none.
func (s *Service) Others() []string {
	return slices.DeleteFunc(slices.Clone(s.place.known), func(word string) bool {
		return isPattern(word) || strings.EqualFold(word, s.place.node)
	})
}

// surround notes which other nodes the service has.
func (p *place) surround(n *Node, nodes, drp, flex []string) {
	listed := slices.Concat(nodes, drp)
	p.several = len(listed) > 1 || slices.ContainsFunc(listed, isPattern)
	p.alone = !p.several || len(nodes) == 1 && !isPattern(nodes[0]) && n.in(nodes)
	if len(flex) > 0 && !isPattern(flex[0]) {
		p.one = flex[0]
	}
}

// isPattern says that a word of a list of nodes is no name of one.
func isPattern(word string) bool { return strings.ContainsAny(word, `*?[\=`) }

// advise warns of what is doubtful about the file as a whole, and where nothing says which node a schedule is for.
func (b *builder) advise() {
	b.adviseState()
	b.idleDefaults()
	if !b.Several() || len(b.Resources) > len(b.Tasks) || len(b.Nodes) == 1 && !isPattern(b.Nodes[0]) {
		return
	}
	for i := range b.Tasks {
		t := &b.Tasks[i]
		sec := b.file.section(t.ID.RID)
		if t.Schedule != "" && b.effective(sec, "run_on") == nil {
			p := Problem{
				Line: sec.line, Wanted: "wanted the keyword run_on: the service has several nodes and no resource to follow", Severity: Warning,
				Hint: "run_on = all-nodes runs it on each",
			}
			if b.One() != "" {
				p.Hint = "run_on = " + b.One() + " runs it there"
			}
			b.report(sec, p)
		}
	}
}

// adviseState warns of a record that several nodes would write at once.
func (b *builder) adviseState() {
	if b.StateFile == "" || b.Topology == "failover" {
		return
	}
	sec := b.file.section("DEFAULT")
	if e := b.best(sec, "state"); e != nil && !e.wrong {
		b.report(sec, Problem{
			Line: int(e.line), Keyword: e.key, Text: e.value, Severity: Warning,
			Wanted: "topology = " + b.Topology + " is for several nodes that are active at once: they can't share a record, and each would take the runs of the others for lost",
			Hint:   "without state each node keeps a record of its own",
		})
	}
}

// runsOn checks where a task is to run.
func (b *builder) runsOn(sec *section, t *task.Task) {
	if len(t.Plan.RunOn) == 0 {
		return
	}
	e := b.effective(sec, "run_on")
	if e == nil || e.wrong {
		return
	}
	local := strings.Contains(e.value, "{")
	alone := slices.ContainsFunc(t.Plan.RunOn, func(word string) bool { return word == OnActive || word == OnAny || word == OnAll })
	switch {
	case alone && len(t.Plan.RunOn) > 1:
		b.blame(sec, e, fault{e.value, "wanted active, any or all-nodes alone, or nodes", ""}, local)
	case alone && t.Plan.RunOn[0] == OnAny && b.Several():
		b.anyNode(sec, e, local)
	case !alone:
		b.knownNodes(e, t.Plan.RunOn)
	}
}

// anyNode tells which node run_on = any is.
func (b *builder) anyNode(sec *section, e *entry, local bool) {
	if b.One() == "" {
		b.blame(sec, e, fault{OnAny, "wanted the name of a node: any is the first of nodes alone, or flex_primary, and that is a pattern, which several nodes may fit", "flex_primary = NAME"}, local)
		return
	}
	b.once(e, Problem{
		Text: OnAny, Wanted: "without a cluster nodes can't agree on one: it runs on " + b.One() + " alone, and nowhere while that is down",
		Hint: "run_on = " + b.One() + " says so; all-nodes runs it on each",
	})
}

// knownNodes warns of words that are no nodes of the service.
func (b *builder) knownNodes(e *entry, words []string) {
	for _, word := range words {
		if what, hint := b.place.doubt(word); what != "" && !isPattern(word) {
			if near := didYouMean(word, []string{OnActive, OnAny, OnAll}); near != "" {
				hint = near
			}
			b.once(e, Problem{Text: word, Wanted: "wanted active, any, all-nodes, a node of the service, or one of " + oneOf(scopeWords()), Hint: hint})
		}
	}
}

// once warns of the value of e, where the last warning was not of the same: many tasks may inherit it.
func (b *builder) once(e *entry, p Problem) {
	if e == b.warnedOn {
		return
	}
	b.warnedOn = e
	p.Line, p.Keyword, p.Severity = int(e.line), e.key, Warning
	b.report(e.home, p)
}
