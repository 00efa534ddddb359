package service

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LoadZone is time.LoadLocation, with an error that says which zone was meant.
func LoadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New(cmp.Or(zoneHint(name), "this host knows no such time zone"))
	}
	return zone, nil
}

// zoneHint guesses which time zone of this host was meant. It reads the folders of the database, once there is
// an error.
func zoneHint(text string) string {
	if strings.EqualFold(text, "UTC") || strings.EqualFold(text, "Z") {
		return "did you mean \"UTC\"?"
	}
	all := zoneNames()
	for _, name := range all {
		_, city, _ := strings.Cut(name, "/")
		if strings.EqualFold(name, text) || strings.EqualFold(city, text) {
			return "did you mean \"" + name + "\"?"
		}
	}
	if strings.IndexByte(text, '/') < 0 {
		return "zones are named REGION/CITY"
	}
	return didYouMean(text, all)
}

// zoneNames are those with a region, and a few where the database can't be read.
func zoneNames() []string {
	names := []string{"Europe/Paris", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Tokyo"}
	for _, region := range [8]string{"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"} {
		entries, _ := os.ReadDir(filepath.Join("/usr/share/zoneinfo", region))
		for _, e := range entries {
			if !e.IsDir() {
				names = append(names, region+"/"+e.Name())
			}
		}
	}
	return names
}
