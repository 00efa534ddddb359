package cmd

import (
	"fmt"

	"om/task"
)

// superviseVerb makes om a detached supervisor: om __supervise FOLDER, started by task.Detached. It is no
// verb for people, and is found before anything of the command line is built.
const superviseVerb = "__supervise"

// supervise is om as a detached supervisor, whose jobs come and answers go by standard input, a socket.
func supervise(env Env) int {
	if len(env.Args) != 3 {
		fmt.Fprintf(env.Stderr, "om: wanted om %s FOLDER\n", superviseVerb)
		return exitUsage
	}
	if err := task.Serve(env.Stdin, env.Stdin, env.Args[2], env.Now); err != nil {
		fmt.Fprintf(env.Stderr, "om: %v\n", err)
		return exitCode(err)
	}
	return 0
}
