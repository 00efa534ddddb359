package service

import (
	"net/url"
	"strconv"
	"strings"
)

// maxURL is how long a URL may be: it is kept with each event that goes there.
const maxURL = 2048

// checkEvents checks the words of notify_on.
func (r *row) checkEvents(text string) error {
	list := strings.FieldsFunc(text, listed)
	for _, word := range list {
		if !hasWord(r.choices, word) {
			all := strings.Fields(r.choices)
			return fault{word, "wanted " + oneOf(all), didYouMean(strings.ToLower(word), all)}
		}
		if word == "none" && len(list) > 1 {
			return fault{text, "wanted none alone, or words that say what is told", ""}
		}
	}
	return nil
}

func listed(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' }

// checkURL checks the address of a web server.
func checkURL(text string) error {
	if text == "" {
		return nil
	}
	bad := fault{text: text, wanted: "wanted a URL as in https://host/path"}
	if len(text) > maxURL {
		return fault{text[:40] + "...", bad.wanted, "it has more than " + strconv.Itoa(maxURL) + " characters"}
	}
	u, err := url.Parse(text)
	switch {
	case strings.ContainsAny(text, "{}"):
		bad.hint = "a reference is written {name}, {rindex} or {env.KEY}, and other braces %7B and %7D"
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		bad.hint = "it has characters that a URL must escape"
	case err != nil:
		bad.hint = "it is no URL"
	case u.Scheme != "http" && u.Scheme != "https":
		bad.hint = "it begins neither with https:// nor with http://"
	case u.Hostname() == "":
		bad.hint = "it names no host"
	case strings.Contains(text, "#"):
		bad.hint = "what is behind # is never sent: %23 is the character, {rindex} the name of a task without task#"
	default:
		return nil
	}
	return bad
}

// checkAddresses checks mail addresses, without names of people.
func checkAddresses(text string) error {
	for _, word := range strings.FieldsFunc(text, listed) {
		if !mailAddress(word) {
			return fault{word, "wanted mail addresses as in ops@example.com", ""}
		}
	}
	return nil
}

// mailAddress reports whether text is local@domain, of the characters that need no quotes (RFC 5322, atoms).
func mailAddress(text string) bool {
	at := strings.LastIndexByte(text, '@')
	if at <= 0 || at == len(text)-1 || len(text) > 254 {
		return false
	}
	return dotted(text[:at], "!#$%&'*+-/=?^_`{|}~") && dotted(text[at+1:], "-")
}

// dotted reports whether text is words with dots between them, of letters, digits and what else is allowed.
func dotted(text, allowed string) bool {
	for word := range strings.SplitSeq(text, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune(allowed, r) }) {
			return false
		}
	}
	return true
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// parseServer reads host, host:port or [address]:port; the port of mail is 25.
func parseServer(text string) (string, error) {
	host, port, both := text, "25", false
	if i := strings.LastIndexByte(text, ':'); i >= 0 && i > strings.LastIndexByte(text, ']') {
		host, port, both = text[:i], text[i+1:], true
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	n, err := strconv.Atoi(port)
	good := dotted(inner, "-_") || len(inner) == len(host)-2 && dotted(strings.ReplaceAll(inner, ":", ""), "%-_")
	if !good || err != nil || n < 1 || n > 65535 {
		return "", wanted(text, "a host and a port as in mail.example.com:25")
	}
	if !both {
		text += ":25"
	}
	return text, nil
}
