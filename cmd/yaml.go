package cmd

import (
	"bytes"
	"encoding/json"
	"strings"
)

// yamlOf turns JSON into YAML in block style, with the fields in the same order. Strings stay in JSON's
// double quotes unless they are plain words: each JSON string is a YAML string (YAML 1.2, 7.3.1).
func yamlOf(text []byte) string {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var b strings.Builder
	yamlValue(&b, d, "")
	return strings.TrimLeft(b.String(), " \n")
}

// yamlValue writes the next value of d after what stands on the line already.
func yamlValue(b *strings.Builder, d *json.Decoder, indent string) {
	t, err := d.Token()
	if err != nil {
		return
	}
	switch delim, _ := t.(json.Delim); delim {
	case '{':
		yamlMap(b, d, indent)
	case '[':
		yamlList(b, d, indent)
	default:
		b.WriteString(" " + yamlScalar(t) + "\n")
	}
}

func yamlMap(b *strings.Builder, d *json.Decoder, indent string) {
	if !d.More() {
		b.WriteString(" {}\n")
	} else if indent != "" && strings.HasSuffix(b.String(), "-") {
		b.WriteString(" ")
		yamlField(b, d, indent)
	} else {
		b.WriteString("\n")
	}
	for d.More() {
		b.WriteString(indent)
		yamlField(b, d, indent)
	}
	_, _ = d.Token()
}

func yamlField(b *strings.Builder, d *json.Decoder, indent string) {
	key, err := d.Token()
	if err != nil {
		return
	}
	b.WriteString(yamlScalar(key) + ":")
	yamlValue(b, d, indent+"  ")
}

func yamlList(b *strings.Builder, d *json.Decoder, indent string) {
	if !d.More() {
		b.WriteString(" []\n")
	} else {
		b.WriteString("\n")
	}
	for d.More() {
		b.WriteString(indent + "-")
		yamlValue(b, d, indent+"  ")
	}
	_, _ = d.Token()
}

// yamlScalar leaves only plain lower-case words without quotes, and not those that YAML reads as
// something else.
func yamlScalar(t json.Token) string {
	s, ok := t.(string)
	if !ok {
		text, _ := json.Marshal(t)
		return string(text)
	}
	plain := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
	switch s {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	var text bytes.Buffer
	_ = encoder(&text).Encode(s)
	return strings.TrimSuffix(string(escapedJSON(text.Bytes())), "\n")
}
