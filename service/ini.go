package service

import (
	"bytes"
	"fmt"

	"gopkg.in/ini.v1"
)

// options make ini.v1 return values as they are written.
func options() ini.LoadOptions {
	return ini.LoadOptions{
		IgnoreInlineComment:     true,   // "#" and ";" are part of a value
		IgnoreContinuation:      true,   // so is a backslash at the end of a line
		PreserveSurroundedQuote: true,   // and so are quotes
		KeyValueDelimiters:      "=",    // not ":"
		ChildSectionDelimiter:   "\x00", // [a.b] is no child of [a]
	}
}

// values reads texts with ini.v1, and has it take what it made for one to the next: most have the same sections and
// keywords. It is the io.ReadCloser that ini.v1 reads again.
type values struct {
	bytes.Reader
	parsed *ini.File
	left   int // texts that parsed is good for
}

// What ini.v1 makes grows with the names that it meets, and it looks for each among all of them.
const (
	manyTexts    = 16
	manySections = 40
	longText     = 16 << 10
)

// taken is the value of what was read, until it is read again. It is never part of a text.
const taken = guard + "taken"

// Close does nothing: what it reads are bytes.
func (v *values) Close() error { return nil }

// of reads text, which scan has made harmless, and puts the value of each keyword in f. Only Value is used of a key:
// String and its like replace %(x)s, and never end where that is a loop.
func (v *values) of(f *file, text []byte) error {
	err := v.read(text)
	if err == nil {
		err = v.fill(f)
	}
	if v.left--; err != nil || v.left == 0 || len(text) > longText || len(v.parsed.SectionStrings()) > manySections {
		v.parsed = nil
	}
	return err
}

func (v *values) read(text []byte) (err error) {
	v.Reset(text)
	if v.parsed != nil {
		return v.parsed.Reload()
	}
	v.left = manyTexts
	if v.parsed, err = ini.LoadSources(options(), v); err == nil {
		v.parsed.BlockMode = false // nobody else holds it
	}
	return err
}

func (v *values) fill(f *file) error {
	for k, sec := range f.sections {
		read, err := v.parsed.GetSection(sec.ini)
		if err != nil {
			return err
		}
		for i := range sec.entries {
			e := &sec.entries[i]
			if e.again {
				e.value = f.sections[k-1].entries[i].value
				continue
			}
			key, err := read.GetKey(e.key)
			if err != nil {
				return err
			}
			if e.value = unguard(key.Value()); key.Value() == taken {
				return fmt.Errorf("%s.%s was not read", sec.name, e.key)
			}
			key.SetValue(taken)
		}
	}
	return nil
}
