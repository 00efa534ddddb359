package cmd

import (
	"fmt"

	"om/engine"
	"om/task"
)

// recorded lists the services whose records are read: "" is the node's, which has those of all services but of those that have
// one of their own. What can't be told is in the errors.
func (a *app) recorded(e *engine.Engine) (paths []string, errs []error) {
	switch {
	case task.ValidPath(a.selector):
		return []string{a.selector}, nil
	case a.selector != "":
		paths, err := a.services()
		return paths, []error{err}
	}
	all, err := a.listed(e)
	own, errs := e.OwnRecords(all)
	return append([]string{""}, own...), append(errs, err)
}

// unlessAway is the error of a record that is read beside others. One that is not here is no failure of this node: it is told.
func (a *app) unlessAway(err error, records int) error {
	if err == nil || records == 1 || !engine.RecordAway(err) {
		return err
	}
	if !a.global.quiet {
		fmt.Fprintf(a.Stderr, "note: %s: nothing of it is shown\n", visible(task.Text(err)))
	}
	return nil
}
