package service_test

import (
	"testing"

	"om/service"
)

// TestLoadZone: the error of a zone that does not exist says which was meant.
func TestLoadZone(t *testing.T) {
	for name, want := range map[string]string{
		"Europe/Pariss": `did you mean "Europe/Paris"?`, "europe/berlin": `did you mean "Europe/Berlin"?`, "paris": `did you mean "Europe/Paris"?`,
		"utc/": "this host knows no such time zone", "../etc": "this host knows no such time zone", "utc": `did you mean "UTC"?`, "Mars": "zones are named REGION/CITY",
		"Europe/Paris": "", "UTC": "",
	} {
		if _, err := service.LoadZone(name); err == nil != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, wanted %q", name, err, want)
		}
	}
}
