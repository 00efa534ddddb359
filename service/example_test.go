package service_test

import (
	"fmt"

	"om/service"
)

func ExampleParse() {
	text := `[env]
dump = /srv/{name}/dump

[task#0]
command = pg_dump -f {env.dump}
tiemout = 2h

[task#1]
command = /bin/true
`
	s := service.Parse("testmd.conf", "testmd", []byte(text), service.Node{Name: "n1"})
	for _, p := range s.Problems {
		fmt.Println(p)
	}
	for _, t := range s.Tasks {
		fmt.Println(t.ID, t.Command)
	}
	fmt.Println(s.Eval("task#0", "command"))
	// Output:
	// testmd.conf:6: [task#0] tiemout: "2h": wanted a keyword of task; did you mean "timeout"?
	// testmd/task#1 /bin/true
	// pg_dump -f /srv/testmd/dump <nil>
}

func ExampleDocument() {
	d := service.NewDocument([]byte("# backups\n[task#0]\ncommand=/bin/true\n"))
	for _, word := range []string{"task#0.command=sh -c \"a; b # c\"", "task#0.tags+=nightly"} {
		c, err := service.ParseChange(word)
		if err == nil {
			err = d.Apply(c)
		}
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Print(string(d.Bytes()))
	// Output:
	// # backups
	// [task#0]
	// command=sh -c "a; b # c"
	// tags=nightly
}
