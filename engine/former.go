package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"om/service"
	"om/task"
)

// factRecords has the records that services were found with, by service, the newest last; "" is the node's. It names
// those alone that have, or had, one of their own.
const factRecords = "records"

func readRecords(ctx context.Context, node record) (map[string][]string, error) {
	fact, err := node.Fact(ctx, factRecords)
	all := map[string][]string{}
	if err == nil && json.Unmarshal([]byte(fact), &all) != nil {
		all = map[string][]string{} // what is damaged is found again
	}
	return all, err
}

// formerRuns are the runs of a service that go on in records that it had before its file named another: they count as
// they did. Those that are lost are marked. known are the records of all services, and are kept up to date.
func (e *Engine) formerRuns(ctx context.Context, svc *service.Service, known map[string][]string) (living, lost []task.Run, err error) {
	had, named := known[svc.Path]
	if !named && svc.StateFile == "" {
		return nil, nil, nil
	}
	if !named {
		had = []string{""}
	}
	keep, living, lost, err := e.runsInFormer(ctx, svc, had)
	if err != nil {
		return nil, lost, err
	}
	if keep = append(keep, svc.StateFile); len(keep) == 1 && svc.StateFile == "" {
		keep = nil
	}
	if named && slices.Equal(keep, had) {
		return living, lost, nil
	}
	return living, lost, e.noteRecords(ctx, svc.Path, keep)
}

// runsInFormer is formerRuns; keep are the records that may have such runs later too.
func (e *Engine) runsInFormer(ctx context.Context, svc *service.Service, had []string) (keep []string, living, lost []task.Run, err error) {
	for _, path := range had {
		if path == svc.StateFile {
			continue
		}
		runs, gone, err := e.runsIn(ctx, svc, path)
		lost = append(lost, gone...)
		switch {
		case errors.Is(err, task.ErrNotFound): // removed, or moved to where the service has it now
		case err != nil && !errors.Is(err, errElsewhere):
			return nil, nil, lost, err
		case err != nil || len(runs) > 0:
			keep, living = append(keep, path), append(living, runs...)
		}
	}
	return keep, living, lost, nil
}

// runsIn lists the runs of a service in progress in one of its records, after it has marked those that are lost.
func (e *Engine) runsIn(ctx context.Context, svc *service.Service, path string) (living, lost []task.Run, err error) {
	then := *svc
	then.StateFile = path
	db, err := e.Record(ctx, &then)
	if err != nil {
		return nil, nil, err
	}
	lost, err = e.markLost(ctx, db)
	if err != nil {
		return nil, lost, err
	}
	living, err = db.Running(ctx, svc.Path, "")
	return living, lost, err
}

// noteRecords keeps which records a service has: none for the node's alone.
func (e *Engine) noteRecords(ctx context.Context, path string, records []string) error {
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return err
	}
	all, err := readRecords(ctx, node) // as they are now
	if err != nil {
		return err
	}
	if all[path] = records; records == nil {
		delete(all, path)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return node.SetFact(ctx, factRecords, string(text))
}

// formerNow is formerRuns for a run by hand.
func (e *Engine) formerNow(ctx context.Context, svc *service.Service) ([]task.Run, error) {
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	known, err := readRecords(ctx, node)
	if err != nil {
		return nil, err
	}
	living, _, err := e.formerRuns(ctx, svc, known)
	return living, err
}

// formerSeen is formerRuns for who only looks: nothing is marked, and nothing noted.
func (e *Engine) formerSeen(ctx context.Context, svc *service.Service) (living []task.Run, err error) {
	node, err := e.NodeRecord(ctx)
	if err != nil {
		return nil, err
	}
	known, err := readRecords(ctx, node)
	if err != nil {
		return nil, err
	}
	had, named := known[svc.Path]
	if !named && svc.StateFile != "" {
		had = []string{""}
	}
	for _, path := range had {
		if path == svc.StateFile {
			continue
		}
		then := *svc
		then.StateFile = path
		db, err := e.Record(ctx, &then)
		if errors.Is(err, task.ErrNotFound) || errors.Is(err, errElsewhere) {
			continue
		}
		if err != nil {
			return nil, err
		}
		runs, err := db.Running(ctx, svc.Path, "")
		if err != nil {
			return nil, err
		}
		living = append(living, e.living(runs)...)
	}
	return living, nil
}

// former are the runs of a looked service that go on in records that it had before, looked for once a tick.
func (s *scheduler) former(ctx context.Context, l *looked) ([]task.Run, error) {
	if l.formerKnown || s.sim != nil {
		return l.former, nil
	}
	if s.options.DryRun {
		living, err := s.formerSeen(ctx, l.svc)
		l.former, l.formerKnown = living, err == nil
		return living, err
	}
	if s.records == nil {
		all, err := readRecords(ctx, s.node)
		if err != nil {
			return nil, err
		}
		s.records = all
	}
	living, lost, err := s.formerRuns(ctx, l.svc, s.records)
	s.report.Lost = append(s.report.Lost, lost...)
	l.former, l.formerKnown = living, err == nil
	return living, err
}
