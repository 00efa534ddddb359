package service

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// localtime is the time zone of the host, and zoneDatabase a file that each new version of the database replaces: see
// localtime(5) and tzfile(5).
const (
	localtime    = "/etc/localtime"
	zoneDatabase = "/usr/share/zoneinfo/tzdata.zi"
)

// LoadZone is time.LoadLocation, with an error that says which zone was meant.
func LoadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errors.New(cmp.Or(zoneHint(name), "this host knows no such time zone"))
	}
	return zone, nil
}

// HostZone is the time zone of the host as it is now, where package time keeps what it was first. It has its own name, or
// "Local" where that can't be told.
func HostZone() *time.Location {
	text, err := os.ReadFile(localtime)
	if err != nil {
		return time.Local
	}
	target, _ := os.Readlink(localtime)
	_, name, ok := strings.Cut(target, "zoneinfo/")
	if !ok {
		name = "Local"
	}
	zone, err := time.LoadLocationFromTZData(name, text)
	if err != nil {
		return time.Local
	}
	return zone
}

// ZoneOf is the zone that a process is given by its variable TZ: what package time has made of it, under its own name
// where that can be told.
func ZoneOf(tz string, now time.Time) *time.Location {
	name := strings.TrimPrefix(tz, ":")
	if _, after, ok := strings.Cut(name, "zoneinfo/"); ok {
		name = after
	}
	zone, err := time.LoadLocation(name)
	if err != nil || !sameOffset(zone, now) || !sameOffset(zone, now.AddDate(0, 6, 0)) {
		return time.Local
	}
	return zone
}

// sameOffset says that the clocks of a zone show what those of this process do.
func sameOffset(zone *time.Location, t time.Time) bool {
	_, a := t.In(zone).Zone()
	_, b := t.Local().Zone()
	return a == b
}

// ZoneStamp is one word for the time zone of the host and for the database of zones: while it is the same, so are they.
func ZoneStamp() string {
	target, _ := os.Readlink(localtime)
	stamp := strings.ReplaceAll(target, " ", "_")
	for _, file := range [...]string{localtime, zoneDatabase} {
		var st unix.Stat_t
		if unix.Stat(file, &st) == nil {
			stamp += ":" + strconv.FormatInt(st.Mtim.Nano(), 36)
		}
	}
	return stamp
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
