package confirm

import (
	"github.com/AlecAivazis/survey/v2/terminal"
)

// edit reads a line with survey's line editor. It ends at Enter alone; survey would take Ctrl-D
// for Enter. The line break is written here, where survey would move the cursor down: a
// transcript of the terminal then has its lines too.
func edit(s *stream) (answer string, err error) {
	// survey takes a position for granted that it asked for and did not get
	defer func() {
		if s.err != nil && recover() != nil {
			err = s.err
		}
	}()
	reader := terminal.NewRuneReader(terminal.Stdio{In: &keys{stream: s}, Out: s, Err: s})
	if err = reader.SetTermMode(); err != nil {
		return "", err
	}
	typed, err := reader.ReadLine(0, func(key rune, typed []rune) ([]rune, bool, error) {
		switch key {
		case '\r', '\n':
			_, wrote := s.Write([]byte("\n"))
			return typed, true, wrote
		case terminal.KeyEndTransmission, terminal.KeyInterrupt:
			return nil, true, ErrAborted
		}
		return typed, false, nil
	})
	return string(typed), err
}

// keys gives what is typed key by key: survey drops what it has read behind a report of the
// cursor. An escape sequence is one key, for survey takes an ESC with nothing behind it for Esc.
type keys struct {
	*stream
	chunk [256]byte
	typed []byte // the part of chunk not given yet
}

// Read returns one key, or a part of one that p or chunk has no room for.
func (k *keys) Read(p []byte) (int, error) {
	if len(k.typed) == 0 {
		n, err := k.stream.Read(k.chunk[:])
		if err != nil {
			return 0, err
		}
		k.typed = k.chunk[:n]
	}
	n := copy(p, k.typed[:keyLen(k.typed)])
	k.typed = k.typed[n:]
	return n, nil
}

// keyLen returns the length of the key that typed begins with: ESC [ ... letter, ESC O letter, or
// a byte.
func keyLen(typed []byte) int {
	if len(typed) < 3 || typed[0] != terminal.KeyEscape || typed[1] != '[' && typed[1] != 'O' {
		return 1
	}
	for i, c := range typed[2:] {
		if c >= '@' && c <= '~' {
			return i + 3
		}
	}
	return len(typed)
}
