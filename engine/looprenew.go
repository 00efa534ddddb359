package engine

import (
	"om/task"
)

// renew reads node.conf again, where it may be another one.
func (l *loop) renew(turn *Turn, wake int) {
	if l.reload && l.o.Reloading != nil {
		l.o.Reloading()
	}
	l.reload = false
	l.older = l.older || wake == wakeAll && l.turns > 0
	// Who ends a run that is replaced reads the settings meanwhile.
	if !l.older || !l.endings.idle() || l.o.Renew == nil || missing(l.ConfigDir) {
		return
	}
	l.older = false
	node, err := l.o.Renew()
	if turn.Node = err; err != nil {
		l.tellNodeConf(err)
		return
	}
	node.Boot = l.Node.Boot
	turn.Mended = l.wrong != ""
	l.Node, l.wrong = node, ""
}

// tellNodeConf leaves word of a node.conf that has errors, once for each of them. The settings of before say to whom.
func (l *loop) tellNodeConf(err error) {
	reason := task.Redacted(task.Text(err))
	if reason != l.wrong {
		l.tellNode(task.EventRejected, "", reason+" (the settings of before stay)", nil, l.Now())
	}
	l.wrong = reason
}
