package engine

import (
	"context"

	"om/service"
	"om/state"
)

// Freeze stops scheduled runs of the service at path and makes manual ones ask for --force, until
// Thaw. An empty path is the whole node.
func (e *Engine) Freeze(ctx context.Context, path string) error {
	db, err := e.freezable(ctx, path)
	if err != nil {
		return err
	}
	return db.Freeze(ctx, path, e.By)
}

// Thaw undoes Freeze.
func (e *Engine) Thaw(ctx context.Context, path string) error {
	db, err := e.freezable(ctx, path)
	if err != nil {
		return err
	}
	return db.Thaw(ctx, path)
}

func (e *Engine) freezable(ctx context.Context, path string) (*state.DB, error) {
	if path != "" {
		if _, err := e.Load(path); err != nil {
			return nil, err
		}
	}
	return e.NodeRecord(ctx)
}

// Disable sets the keyword disable of the sections that sel picks to the given value; with no
// selection, that of the whole service.
func (e *Engine) Disable(ctx context.Context, path string, sections []string, value string) error {
	return e.Change(ctx, path, func(d *service.Document) error {
		for _, section := range sections {
			if err := setDisable(d, section, value); err != nil {
				return err
			}
		}
		return nil
	})
}

func setDisable(d *service.Document, section, value string) error {
	if value == "false" {
		return d.Unset(section, "disable")
	}
	return d.Set(section, "disable", value)
}
