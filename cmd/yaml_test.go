package cmd

import "testing"

func TestYAML(t *testing.T) {
	tests := []struct{ name, json, want string }{
		{"scalar", `"a"`, "a\n"},
		{"words that YAML reads as others are quoted", `["yes", "no", "null", "1", "", "a b"]`, "- \"yes\"\n- \"no\"\n- \"null\"\n- \"1\"\n- \"\"\n- \"a b\"\n"},
		{"map", `{"a": 1, "b": null, "c": true}`, "a: 1\nb: null\nc: true\n"},
		{"empty", `{"a": [], "b": {}}`, "a: []\nb: {}\n"},
		{"nested", `{"a": {"b": [1, {"c": 2, "d": [3]}]}}`, "a:\n  b:\n    - 1\n    - c: 2\n      d:\n        - 3\n"},
		{"list of maps", `[{"id": 1, "x": "y"}, {"id": 2, "x": null}]`, "- id: 1\n  x: \"y\"\n- id: 2\n  x: null\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := yamlOf([]byte(tt.json)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
