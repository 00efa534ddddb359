package migrate_test

import (
	"testing"

	"om/migrate"
)

// FuzzOpenSVC: whatever a file of OpenSVC holds, what is made of it has no errors.
func FuzzOpenSVC(f *testing.F) {
	f.Add("[DEFAULT]\nnodes = n1\n\n[task#0]\ncommand = a\nschedule = ~01:00-02:00\nuser = x\non_error = b\n")
	f.Add("x = 1\n[task#1]\ntype = docker\n# c\n[fs#0]\nmnt = a\n  b\n[task#1]\n")
	f.Fuzz(func(t *testing.T, text string) {
		o := migrate.OpenSVC{Text: text, File: "s.conf", Path: "s"}
		d := o.Draft(node())
		file, err := d.Write(node())
		if err != nil {
			t.Fatal(err)
		}
		valid(t, &d, file)
	})
}
