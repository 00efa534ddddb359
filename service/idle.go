package service

import (
	"slices"

	"om/task"
)

// idle warns of what a task says that has no effect beside what else it says.
func (b *builder) idle(sec *section, t *task.Task) {
	b.unreached(sec, t)
	if len(t.Requires) > 0 {
		return
	}
	e := b.best(sec, "requires_wait")
	if e == nil || e.wrong || sec.says("run_requires") {
		return
	}
	if b.best(sec, "run_requires") == nil && b.file.section("DEFAULT").says("run_requires") {
		return
	}
	b.noEffect(e, "it has no effect: the task has no run_requires")
}

// idleDefaults warns of what [DEFAULT] says that has no effect on any task.
func (b *builder) idleDefaults() {
	e := b.best(b.file.section("DEFAULT"), "requires_wait")
	if e == nil || e.wrong || len(b.Tasks) == 0 {
		return
	}
	if !slices.ContainsFunc(b.file.sections, func(sec *section) bool { return sec.says("run_requires") }) {
		b.noEffect(e, "it has no effect: no task has run_requires")
	}
}

// unreached warns of a timeout that the deadline comes before. A run by hand has no deadline.
func (b *builder) unreached(sec *section, t *task.Task) {
	byHand := t.Schedule == "" || t.Confirmation || t.Interactive
	if byHand || t.Plan.Deadline <= 0 || t.Timeout <= t.Plan.Deadline {
		return
	}
	limit, e := b.effective(sec, "deadline"), b.effective(sec, "timeout")
	if limit == nil || e == nil || limit.wrong || e.wrong {
		return
	}
	if e.home == sec || limit.home != sec { // else a timeout for all tasks is not meant for this one
		b.noEffect(e, "the runs of the schedule never reach it: deadline is "+limit.value+", and shorter")
	}
}

func (b *builder) noEffect(e *entry, why string) {
	b.report(e.home, Problem{Line: int(e.line), Keyword: e.key, Text: e.value, Wanted: why, Severity: Warning})
}

// says reports whether a keyword has a value in sec, for whatever node.
func (sec *section) says(key string) bool {
	return sec != nil && slices.ContainsFunc(sec.entries, func(e entry) bool { return e.row != nil && e.row.name == key && e.value != "" })
}
