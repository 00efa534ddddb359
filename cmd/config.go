package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"om/engine"
	"om/service"
	"om/task"
)

func getVerb(a *app) *cobra.Command {
	var kws []string
	var eval bool
	c := &cobra.Command{
		Use: "get [--kw] task#0.command [--eval]", Long: `Print the value of a keyword as it is written; --eval chooses the scope of this node and replaces references.`,
		RunE: func(_ *cobra.Command, args []string) error { return a.get(append(kws, args...), eval) },
	}
	c.Flags().StringArrayVar(&kws, "kw", nil, "SECTION.KEYWORD, or KEYWORD of [DEFAULT]")
	c.Flags().BoolVar(&eval, "eval", false, "as this node uses it")
	c.ValidArgsFunction = a.completeKeys
	return c
}

func (a *app) get(kws []string, eval bool) error {
	if len(kws) == 0 {
		return usage("om get: wanted a keyword: task#0.command")
	}
	e, path, err := a.service()
	if err != nil {
		return err
	}
	s, err := e.Load(path)
	if err != nil {
		return err
	}
	for _, kw := range kws {
		value, err := lookup(s, kw, eval)
		if err != nil {
			return err
		}
		if err := a.printf("%s\n", a.shown(value)); err != nil {
			return err
		}
	}
	return nil
}

func lookup(s *service.Service, kw string, eval bool) (string, error) {
	section, keyword, err := service.ParseKey(kw)
	if err != nil {
		return "", usageError{"om get " + task.Text(err)}
	}
	if eval {
		return s.Eval(section, keyword)
	}
	value, ok := s.Raw(section, keyword)
	if !ok {
		return "", task.Errorf(task.ErrNotFound, "service %s: [%s] has no %s in the file; --eval tells what is used", s.Path, section, keyword)
	}
	return value, nil
}

func setVerb(a *app) *cobra.Command {
	var kws []string
	c := &cobra.Command{
		Use: "set task#0.schedule=@1h ...",
		Long: `Set keywords in the service's file: SECTION.KEYWORD[@SCOPE]=VALUE. += appends a word, -= removes one, |= appends it
where it is missing. Every other line stays as it is. The result is checked before it replaces anything, and the
version replaced is kept (om SERVICE config history).`,
		Example: `  om testmd set 'task#0.schedule=02:00-04:00 mon-fri' task#0.user=backup
  om testmd set 'task#0.tags+=nightly'`,
		RunE: func(_ *cobra.Command, args []string) error { return a.set(append(kws, args...)) },
	}
	c.Flags().StringArrayVar(&kws, "kw", nil, "SECTION.KEYWORD=VALUE")
	c.ValidArgsFunction = a.completeKeys
	return c
}

func (a *app) set(kws []string) error {
	if len(kws) == 0 {
		return usage("om set: wanted SECTION.KEYWORD=VALUE")
	}
	changes, err := changesOf("set", kws)
	if err != nil {
		return err
	}
	return change(a, changes, (*service.Document).Apply)
}

// changesOf reads the words of om set, or of another verb that takes the same.
func changesOf(verb string, kws []string) ([]service.Change, error) {
	var all []service.Change
	said := map[string]bool{}
	for _, kw := range kws {
		c, err := service.ParseChange(kw)
		if err != nil {
			return nil, usageError{"om " + verb + " " + task.Text(err)}
		}
		key := c.Section + "." + c.Keyword
		switch {
		case visible(c.Value) != c.Value:
			return nil, usage("om %s %q: wanted a value with no control characters", verb, kw)
		case c.Operator == "=" && said[key]:
			return nil, usage("om %s %q: wanted one value of %s, and there is one before", verb, kw, key)
		}
		said[key] = true
		all = append(all, c)
	}
	return all, nil
}

func unsetVerb(a *app) *cobra.Command {
	var kws []string
	c := &cobra.Command{
		Use: "unset task#0.schedule ...", Long: `Remove keywords from the service's file: SECTION.KEYWORD[@SCOPE], or a whole SECTION.`,
		RunE: func(_ *cobra.Command, args []string) error { return a.unset(append(kws, args...)) },
	}
	c.Flags().StringArrayVar(&kws, "kw", nil, "SECTION.KEYWORD")
	c.ValidArgsFunction = a.completeKeys
	return c
}

func (a *app) unset(kws []string) error {
	if len(kws) == 0 {
		return usage("om unset: wanted SECTION.KEYWORD")
	}
	return change(a, kws, func(d *service.Document, kw string) error {
		if strings.Contains(kw, "#") && !strings.Contains(kw, ".") {
			return d.DeleteSection(kw)
		}
		section, keyword, err := service.ParseKey(kw)
		if err != nil {
			return usageError{"om unset " + task.Text(err)}
		}
		return d.Unset(section, keyword)
	})
}

// change applies each change, of whatever kind, to the file, all of them or none.
func change[C any](a *app, changes []C, apply func(*service.Document, C) error) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	return e.Change(context.Background(), path, func(d *service.Document) error {
		for _, c := range changes {
			if err := apply(d, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func editVerb(a *app) *cobra.Command {
	var o engine.EditOptions
	c := &cobra.Command{
		Use: "edit [--recover|--discard]",
		Long: `Edit the service's file with VISUAL, EDITOR or vi. The editor works on a copy; it replaces the file when the editor
ends well and the copy has no new problem. A copy that is refused is kept: --recover goes on with it, --discard
throws it away.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			e, path, err := a.service()
			if err != nil {
				return err
			}
			o.Environ, o.Streams = a.Environ(), []*os.File{a.Stdin, a.Stdout, a.Stderr}
			o.Editor = cmp.Or(a.Getenv("VISUAL"), cmp.Or(a.Getenv("EDITOR"), "vi"))
			return e.Edit(context.Background(), path, o)
		},
	}
	c.Flags().BoolVar(&o.Recover, "recover", false, "go on with the copy that was refused")
	c.Flags().BoolVar(&o.Discard, "discard", false, "throw the refused copy away")
	return c
}

func configVerb(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:  "config history|diff|restore",
		Long: "The versions of the service's file that om replaced: list them, compare one with the file, put one back.",
		RunE: wantedVerb("history, diff or restore"),
	}
	c.AddCommand(
		&cobra.Command{Use: "history", Short: "List the versions, the newest first", Args: noArgs, RunE: func(*cobra.Command, []string) error { return a.configHistory() }},
		a.configDiffVerb(),
		&cobra.Command{Use: "restore [VERSION]", Short: "Put a version (the newest) back; the present one is kept", ValidArgsFunction: a.completeVersions, RunE: func(_ *cobra.Command, args []string) error { return a.configRestore(args) }},
	)
	return c
}

// versionOfFile is a replaced version for programs.
type versionOfFile struct {
	Version int     `json:"version"`
	At      *string `json:"replaced_at"`
	By      string  `json:"by"`
	Size    int64   `json:"size"`
	Digest  string  `json:"sha256"`
}

func (a *app) configHistory() error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	versions, err := e.Versions(context.Background(), path)
	if err != nil {
		return err
	}
	rows := []versionOfFile{}
	l := listing{columns: []string{"VERSION", "REPLACED", "BY", "SIZE", "SHA256"}}
	for _, v := range versions {
		at := a.when(v.At)
		rows = append(rows, versionOfFile{v.Version, &at, v.By, v.Size, v.Digest})
		l.rows = append(l.rows, []string{strconv.Itoa(v.Version), at, v.By, strconv.FormatInt(v.Size, 10), cut(v.Digest, 12)})
	}
	l.data = rows
	return a.list(l)
}

func (a *app) configDiffVerb() *cobra.Command {
	var o diffOptions
	var instants bool
	c := &cobra.Command{
		Use: "diff [VERSION]", Short: "What changed from a version (the newest) to the file", ValidArgsFunction: a.completeVersions,
		RunE: func(_ *cobra.Command, args []string) error {
			if instants {
				return a.configDiffSchedule(o, args)
			}
			return a.configDiff(args)
		},
	}
	c.Flags().BoolVar(&instants, "schedule", false, "the instants of tasks that were added, moved and removed instead, exit code 1 if there are any")
	addPeriod(c, &o)
	return c
}

func (a *app) configDiff(args []string) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	s, err := e.Load(path)
	if err != nil {
		return err
	}
	n, old, err := a.oldVersion(e, path, args)
	if err != nil {
		return err
	}
	return a.write(a.shown(unified(fmt.Sprintf("%s version %d", s.File, n), s.File, string(old), string(s.Text))))
}

func (a *app) configRestore(args []string) error {
	e, path, err := a.service()
	if err != nil {
		return err
	}
	n, old, err := a.oldVersion(e, path, args)
	if err != nil {
		return err
	}
	if _, err = e.Load(path); errors.Is(err, task.ErrNotFound) { // it was deleted
		err = e.Create(path, old)
	} else {
		err = e.Replace(context.Background(), path, func([]byte) ([]byte, error) { return old, nil })
	}
	return a.did(err, path, fmt.Sprintf("version %d is back", n))
}

// oldVersion reads the version that args name, the newest where they name none.
func (a *app) oldVersion(e *engine.Engine, path string, args []string) (int, []byte, error) {
	if len(args) > 1 {
		return 0, nil, usage("wanted one version, not %q", args)
	}
	ctx := context.Background()
	versions, err := e.Versions(ctx, path)
	if err != nil {
		return 0, nil, err
	}
	if len(versions) == 0 {
		return 0, nil, task.Errorf(task.ErrNotFound, "service %s: no version was replaced yet", path)
	}
	n := versions[0].Version
	if len(args) == 1 {
		if n, err = strconv.Atoi(args[0]); err != nil {
			return 0, nil, usage("version %q: wanted a number of om %s config history", args[0], path)
		}
	}
	text, err := e.Version(ctx, path, n)
	return n, text, err
}
