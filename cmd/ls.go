package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"om/engine"
	"om/service"
	"om/task"
)

// taskRow is one task of a service.
type taskRow struct {
	Service     string   `json:"service"`
	Task        string   `json:"task"`
	Schedule    string   `json:"schedule"`
	User        string   `json:"user"`
	Tags        []string `json:"tags"`
	Disabled    bool     `json:"disabled"`
	Command     string   `json:"command"`
	Description string   `json:"description"`
}

func lsVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:  "ls [SELECTOR]",
		Long: "List the services and their tasks. A service that can't be read is told on stderr, and the others are listed.",
	}
	a.selecting(c, a.ls)
	return c
}

func (a *app) ls() error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	paths, err := a.services()
	if err != nil {
		return err
	}
	for _, m := range service.Mirrors(e.ConfigDir) {
		fmt.Fprintf(a.Stderr, "om: %s\n", visible(m.Problem().String()))
	}
	rows := []taskRow{}
	var errs []error
	for _, path := range paths {
		found, err := a.taskRows(e, path)
		rows, errs = append(rows, found...), append(errs, err)
	}
	l := listing{
		columns: []string{"SERVICE", "TASK", "SCHEDULE", "USER", "TAGS", "COMMAND", "DESCRIPTION"}, data: rows,
		least: []int{10, 0, 8, 8, 8, 12, 8}, spare: []int{6, 4, 3, 2},
	}
	for _, r := range rows {
		l.rows = append(l.rows, []string{r.Service, disabledMark(r), r.Schedule, r.User, strings.Join(r.Tags, " "), r.Command, r.Description})
	}
	return errors.Join(a.list(l), errors.Join(errs...))
}

func disabledMark(r taskRow) string {
	if r.Disabled {
		return r.Task + " (disabled)"
	}
	return r.Task
}

// taskRows lists the tasks of one service; sections that are left out are told on stderr.
func (a *app) taskRows(e *engine.Engine, path string) ([]taskRow, error) {
	s, err := e.Load(path)
	if err != nil {
		return nil, err
	}
	var rows []taskRow
	for _, t := range s.Tasks {
		rows = append(rows, rowOfTask(t, s.Disable))
	}
	if bad := s.Quarantined(); len(bad) > 0 {
		if i := slices.Index(bad, ""); i >= 0 {
			bad[i] = "[]"
		}
		fmt.Fprintf(a.Stderr, "service %s: %s can't be used; om %s validate says why\n", path, visible(strings.Join(bad, ", ")), path)
	}
	return rows, err
}

func rowOfTask(t task.Task, disabled bool) taskRow {
	tags := t.Tags
	if tags == nil {
		tags = []string{}
	}
	return taskRow{t.ID.Service, t.ID.RID, t.Schedule, t.User, tags, t.Disable || disabled, t.Command, t.Description}
}
