package state

import (
	"bufio"
	"context"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"om/task"
)

// tables are what Export writes and Import reads, in this order.
func tables() []string {
	return []string{"run", "slot", "task_state", "placed", "config", "frozen", "decline", "stamp", "good", "hold"}
}

// Check reads the whole file and returns every damage found, or nil.
func (d *DB) Check(ctx context.Context) error {
	var found []error
	err := d.beside(func(c *conn) error {
		err := c.query(ctx, 1, func(v row) error {
			if text := v.text(0); text != "ok" {
				found = append(found, d.fault(fmt.Errorf("damaged: %s", text)))
			}
			return nil
		}, "PRAGMA integrity_check")
		if err != nil || len(found) > 0 {
			return err
		}
		return c.checkPlaced()
	})
	return errors.Join(append(found, err)...)
}

// wrongPlaced are the services whose cursors are not as packed writes them: with one of them no tick could know what is due.
const wrongPlaced = "SELECT service FROM placed WHERE CASE WHEN json_valid(cursors)AND instr(cursors,'\\')=0 THEN " +
	"(SELECT '['||group_concat(json_array(value->>0,value->>1,value->>2,value->>3))||'] '||count(value->>3)||' '||ifnull(min(value->>3),'')" +
	"FROM json_each(cursors))IS NOT cursors||' '||due||' '||ifnull(due_at,'')ELSE 1 END LIMIT 1"

func (c *conn) checkPlaced() error {
	service, err := c.word(wrongPlaced)
	if err == nil && service != "" {
		err = fmt.Errorf("the cursors of %s are not as om writes them: %w", service, task.ErrInvalid)
	}
	return err
}

// beside runs f on a connection of its own, which only reads, so that what takes long holds up nobody.
func (d *DB) beside(f func(*conn) error) error {
	c, err := dialReadOnly(d.o.Path)
	if err != nil {
		return d.fault(err)
	}
	return d.fault(errors.Join(f(c), c.close()))
}

// Export writes the record as lines of JSON, as it is at one moment: one that says which schema it
// has, then one for each row, with its table and its columns. Bytes that are not text are in base64.
func (d *DB) Export(ctx context.Context, w io.Writer) error {
	return d.beside(func(c *conn) error {
		out := bufio.NewWriter(w)
		fmt.Fprintf(out, "{\"record\":\"om\",\"schema\":%d}\n", schemaVersion)
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		for _, table := range tables() {
			if err := c.export(ctx, out, table); err != nil {
				return err
			}
		}
		return out.Flush()
	})
}

// export writes the rows of a table, each as {"table":"run","id":...}.
func (c *conn) export(ctx context.Context, w io.Writer, table string) error {
	columns, err := c.columns(table)
	if err != nil {
		return err
	}
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.name
	}
	line := json.NewEncoder(w)
	line.SetEscapeHTML(false)
	return c.query(ctx, len(columns), func(v row) error {
		object := map[string]driver.Value{"table": table}
		for i, column := range columns {
			object[column.name] = v[i]
		}
		return line.Encode(object)
	}, "SELECT "+strings.Join(names, ",")+" FROM "+table)
}

type column struct {
	name string
	blob bool
}

// columns lists the columns of a table that are stored, not computed.
func (c *conn) columns(table string) ([]column, error) {
	var all []column
	err := c.query(context.Background(), 2, func(v row) error {
		all = append(all, column{v.text(0), v.text(1) == "BLOB"})
		return nil
	}, "SELECT name,type FROM pragma_table_info(?)", table)
	return all, err
}

// Import adds what Export wrote, all of it or nothing. Rows that the record has already stay as they
// are. The error names the line and wraps task.ErrInvalid where the text is not what Export writes.
func (d *DB) Import(ctx context.Context, r io.Reader) error {
	in := bufio.NewReader(r)
	if err := readHeading(in); err != nil {
		return d.fault(err)
	}
	return d.write(ctx, "import", durable, func(context.Context) error {
		if err := d.spreadAll(); err != nil {
			return err
		}
		into := map[string][]column{}
		for _, table := range tables() {
			columns, err := d.c.columns(table)
			if err != nil {
				return err
			}
			into[table] = columns
		}
		for n := 2; ; n++ {
			err := d.c.importLine(in, into)
			if errors.Is(err, io.EOF) {
				return errors.Join(d.c.checkPlaced(), d.spreadTwins())
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	})
}

// readHeading reads the first line of an export.
func readHeading(in *bufio.Reader) error {
	text, err := in.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var heading struct {
		Record string `json:"record"`
		Schema int    `json:"schema"`
	}
	if json.Unmarshal(text, &heading) != nil || heading.Record != "om" {
		return fmt.Errorf("line 1: wanted the heading of an exported record: %w", task.ErrInvalid)
	}
	if heading.Schema < 1 || heading.Schema > schemaVersion {
		return fmt.Errorf("line 1: schema %d: wanted at most %d: %w", heading.Schema, schemaVersion, task.ErrInvalid)
	}
	return nil
}

// importLine adds the row of the next line. At the end it returns io.EOF.
func (c *conn) importLine(in *bufio.Reader, into map[string][]column) error {
	text, err := in.ReadBytes('\n')
	if len(text) == 0 {
		return err
	}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err = decoder.Decode(&object); err != nil || decoder.More() {
		return fmt.Errorf("wanted one object: %w", errors.Join(err, task.ErrInvalid))
	}
	table, _ := object["table"].(string)
	columns, ok := into[table]
	if !ok {
		return fmt.Errorf("table %q: wanted one of %s: %w", table, strings.Join(tables(), ", "), task.ErrInvalid)
	}
	err = c.importRow(table, columns, object)
	if isConstraint(err) {
		err = fmt.Errorf("a row of %s: %w: %w", table, err, task.ErrInvalid)
	}
	return err
}

func (c *conn) importRow(table string, columns []column, object map[string]any) error {
	var names []string
	var values []driver.Value
	for _, column := range columns {
		given, ok := object[column.name]
		if !ok {
			continue
		}
		value, err := column.value(given)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", column.name, err, task.ErrInvalid)
		}
		names, values = append(names, column.name), append(values, value)
	}
	if len(names) == 0 {
		return fmt.Errorf("a row of %s without columns: %w", table, task.ErrInvalid)
	}
	_, err := c.exec("INSERT INTO "+table+"("+strings.Join(names, ",")+")VALUES(?"+
		strings.Repeat(",?", len(names)-1)+")ON CONFLICT DO NOTHING", values...)
	return err
}

// value turns what JSON holds into what the column does.
func (c column) value(given any) (driver.Value, error) {
	switch v := given.(type) {
	case nil:
		return nil, nil
	case json.Number:
		return v.Int64()
	case string:
		if c.blob {
			return base64.StdEncoding.DecodeString(v)
		}
		return v, nil
	}
	return nil, fmt.Errorf("%v: wanted a text, a whole number or null", given)
}
