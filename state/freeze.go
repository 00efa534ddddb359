package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"om/task"
)

// Freeze says since when a service is frozen, and by whom.
type Freeze struct {
	Since time.Time
	By    string
}

// Freeze freezes a service, or the node where service is "". What is frozen stays as it was frozen.
func (d *DB) Freeze(ctx context.Context, service, by string) error {
	return d.write(ctx, "freeze", durable, func(context.Context) error {
		_, err := d.c.exec("INSERT INTO frozen(service,since,frozen_by)VALUES(?,?,?) ON CONFLICT DO NOTHING",
			service, instant(d.o.Now()), by)
		return err
	})
}

// Thaw undoes Freeze. What is not frozen stays so.
func (d *DB) Thaw(ctx context.Context, service string) error {
	return d.write(ctx, "thaw", durable, func(context.Context) error {
		_, err := d.c.exec("DELETE FROM frozen WHERE service=?", service)
		return err
	})
}

// Frozen reports whether a service, or the node where service is "", is frozen itself.
func (d *DB) Frozen(ctx context.Context, service string) (f Freeze, frozen bool, err error) {
	err = d.read(ctx, 2, func(v row) error {
		f, frozen = Freeze{Since: v.when(0), By: v.text(1)}, true
		return nil
	}, "SELECT since,frozen_by FROM frozen WHERE service=?", service)
	return f, frozen, err
}

// AllFrozen returns what is frozen itself: services by their paths, and the node as "".
func (d *DB) AllFrozen(ctx context.Context) (map[string]Freeze, error) {
	all := map[string]Freeze{}
	err := d.read(ctx, 3, func(v row) error {
		all[v.text(0)] = Freeze{Since: v.when(1), By: v.text(2)}
		return nil
	}, "SELECT service,since,frozen_by FROM frozen")
	return all, err
}

// ConfigVersion describes a text that a service's file had.
type ConfigVersion struct {
	Version int // 1 for the first that was replaced
	At      time.Time
	By      string // who replaced it
	Digest  string // SHA-256 of the text, hexadecimal
	Size    int64  // bytes
}

// KeepConfig keeps the text of a service's file that is about to be replaced. The text kept last is
// not kept twice in a row.
func (d *DB) KeepConfig(ctx context.Context, service string, text []byte, by string) error {
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	return d.write(ctx, "config", durable, func(context.Context) error {
		_, err := d.c.exec("INSERT INTO config(service,version,at,changed_by,digest,size,text)"+
			"SELECT ?1,coalesce(max(version),0)+1,?2,?3,?4,?5,?6 FROM config WHERE service=?1 "+
			"HAVING ?4 IS NOT(SELECT digest FROM config WHERE service=?1 ORDER BY version DESC LIMIT 1)",
			service, instant(d.o.Now()), by, digest, int64(len(text)), append([]byte{}, text...))
		return err
	})
}

// Configs lists the texts kept of a service's file, newest first.
func (d *DB) Configs(ctx context.Context, service string) ([]ConfigVersion, error) {
	var all []ConfigVersion
	err := d.read(ctx, 5, func(v row) error {
		all = append(all, ConfigVersion{int(v.num(0)), v.when(1), v.text(2), v.text(3), v.num(4)})
		return nil
	}, "SELECT version,at,changed_by,digest,size FROM config WHERE service=? ORDER BY version DESC", service)
	return all, err
}

// Config returns one text kept of a service's file, byte for byte, or task.ErrNotFound.
func (d *DB) Config(ctx context.Context, service string, version int) (text []byte, err error) {
	err = d.read(ctx, 1, func(v row) error { text = v.blob(0); return nil },
		"SELECT text FROM config WHERE service=? AND version=?", service, int64(version))
	if err == nil && text == nil {
		err = fmt.Errorf("version %d of %s: %w", version, service, task.ErrNotFound)
	}
	return text, err
}
