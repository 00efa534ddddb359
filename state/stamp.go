package state

import (
	"context"
	"database/sql/driver"
	"time"
)

// Stamp is what was seen of a service's file.
type Stamp struct {
	Service      string
	MTime, CTime time.Time // to the nanosecond
	Size         int64
	Inode        uint64
	Error        string // why the file can't be used as it is, "" if it can
	Good         []byte // the text of the last version that could; only StampOf tells it
}

const stampFrom = "SELECT service,mtime,ctime,size,inode,error,NULL FROM stamp"

func readStamp(v row) Stamp {
	return Stamp{
		Service: v.text(0), MTime: nanos(v, 1), CTime: nanos(v, 2), Size: v.num(3), Inode: uint64(v.num(4)),
		Error: v.text(5), Good: v.blob(6),
	}
}

// nanos reads a time of a file.
func nanos(v row, i int) time.Time {
	if v[i] == nil {
		return time.Time{}
	}
	return time.Unix(0, v.num(i)).UTC()
}

// nanoInstant is how the record holds a time of a file, which must be equal to be the same.
func nanoInstant(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixNano()
}

// Stamps returns what was seen of all files, by service.
func (d *DB) Stamps(ctx context.Context) (map[string]Stamp, error) {
	all := map[string]Stamp{}
	err := d.read(ctx, 7, func(v row) error { s := readStamp(v); all[s.Service] = s; return nil }, stampFrom)
	return all, err
}

// StampOf returns what was seen of a service's file, and whether anything was.
func (d *DB) StampOf(ctx context.Context, service string) (s Stamp, seen bool, err error) {
	err = d.read(ctx, 7, func(v row) error { s, seen = readStamp(v), true; return nil }, "SELECT service,mtime,ctime,size,inode,error,(SELECT text FROM good WHERE service=stamp.service) FROM stamp WHERE service=?", service)
	return s, seen, err
}

// SetStamps keeps what was seen of some files, and forgets those of the services that are gone. It
// takes no barrier: a file whose stamp is lost is read again.
func (d *DB) SetStamps(ctx context.Context, set []Stamp, gone []string) error {
	return d.write(ctx, "stamp", relaxed, func(context.Context) error {
		for _, s := range set {
			if err := d.setStamp(s); err != nil {
				return err
			}
		}
		for _, service := range gone {
			if _, err := d.c.exec("DELETE FROM stamp WHERE service=?;DELETE FROM good WHERE service=?", service, service); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *DB) setStamp(s Stamp) error {
	_, err := d.c.exec("REPLACE INTO stamp(service,mtime,ctime,size,inode,error)VALUES(?,?,?,?,?,?)",
		s.Service, nanoInstant(s.MTime), nanoInstant(s.CTime), s.Size, int64(s.Inode), s.Error) //nolint:gosec // bits
	if err == nil && s.Good != nil {
		_, err = d.c.exec("REPLACE INTO good(service,text)VALUES(?,?)", s.Service, s.Good)
	}
	return err
}

// Fact returns a fact about the record itself, "" for none: the last tick, the digest of the folder.
func (d *DB) Fact(ctx context.Context, key string) (value string, err error) {
	err = d.read(ctx, 1, func(v row) error { value = v.text(0); return nil }, "SELECT value FROM meta WHERE key=?", key)
	return value, err
}

// SetFact keeps a fact about the record itself. It takes no barrier.
func (d *DB) SetFact(ctx context.Context, key, value string) error {
	return d.write(ctx, "fact", relaxed, func(context.Context) error { return d.setFact(key, value) })
}

func (d *DB) setFact(key, value string) error {
	_, err := d.c.exec("REPLACE INTO meta(key,value)VALUES(?,?)", key, value)
	return err
}
