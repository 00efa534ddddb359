package state

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// conn is one connection to a database file. It drives the driver without the pool of database/sql:
// a pool of one costs a goroutine and a dozen page faults, and promises what SQLite cannot give.
type conn struct{ db *sqlite3.SQLiteConn }

// busySlice is how long SQLite waits for a lock before it answers "busy" and we look at the context.
const busySlice = "50" // milliseconds

// usualStatements is for who does not say how many are kept compiled.
const usualStatements = "&_stmt_cache_size=8"

// dial opens the database at path, which must be there. params are SQLite's URI parameters.
func dial(path, params string) (*conn, error) {
	lean()
	file := url.URL{Scheme: "file", OmitHost: true, Path: path}
	c, err := (&sqlite3.SQLiteDriver{}).Open(file.String() + "?" + params +
		"&_synchronous=FULL&_busy_timeout=" + busySlice)
	if err != nil {
		return nil, explain(err)
	}
	return &conn{c.(*sqlite3.SQLiteConn)}, nil
}

// close ends the connection without a checkpoint.
func (c *conn) close() error { return c.db.Close() }

// exec runs a statement, or several without arguments, and says how many rows the last one changed.
func (c *conn) exec(query string, args ...driver.Value) (int64, error) {
	res, err := c.db.Exec(query, args)
	if err != nil {
		return 0, explain(err)
	}
	return res.RowsAffected()
}

// query calls each for every row of the answer, until ctx is done. What each is given lasts only until
// it returns. The driver does not get ctx: for one that can end it starts a goroutine a query, and the
// switches of thread cost more than the query.
func (c *conn) query(ctx context.Context, width int, each func(row) error, query string, args ...driver.Value) error {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	rows, err := c.db.QueryContext(context.WithoutCancel(ctx), query, named)
	if err != nil {
		return explain(err)
	}
	err = scan(rows, width, func(r row) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return each(r)
	})
	return errors.Join(err, rows.Close())
}

// scan reads rows to their end. A width of 0 takes the width of the answer.
func scan(rows driver.Rows, width int, each func(row) error) error {
	if width == 0 {
		width = len(rows.Columns())
	}
	values := make(row, width)
	for {
		err := rows.Next(values)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explain(err)
		}
		if err = each(values); err != nil {
			return err
		}
	}
}

// number answers a query for one number; 0 where there is no row.
func (c *conn) number(query string, args ...driver.Value) (n int64, err error) {
	err = c.query(context.Background(), 1, func(r row) error { n = r.num(0); return nil }, query, args...)
	return n, err
}

// word answers a query for one text; "" where there is no row.
func (c *conn) word(query string) (s string, err error) {
	err = c.query(context.Background(), 1, func(r row) error { s = r.text(0); return nil }, query)
	return s, err
}

// row holds the values of one row. Reading a NULL gives the zero value.
type row []driver.Value

func (r row) text(i int) string { s, _ := r[i].(string); return s }
func (r row) num(i int) int64   { n, _ := r[i].(int64); return n }
func (r row) blob(i int) []byte { b, _ := r[i].([]byte); return b }

func (r row) when(i int) time.Time {
	if r[i] == nil {
		return time.Time{}
	}
	return time.UnixMicro(r.num(i)).UTC()
}

// instant is how the record holds a time; the zero time is NULL.
func instant(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// kept returns t as it comes back from the record.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}
