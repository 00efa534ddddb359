package service

import "gopkg.in/ini.v1"

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

// values reads text, which scan has made harmless, and puts the value of each keyword in f. Only
// Value is used of a key: String and its like replace %(x)s, and never end where that is a loop.
func (f *file) values(text []byte) error {
	parsed, err := ini.LoadSources(options(), text)
	if err != nil {
		return err
	}
	parsed.BlockMode = false // nobody else holds it
	for k, sec := range f.sections {
		read, err := parsed.GetSection(sec.ini)
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
			e.value = unguard(key.Value())
		}
	}
	return nil
}
