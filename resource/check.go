package resource

import (
	"context"

	"om/task"
)

func checkLabel(r task.Resource) string { return "check " + brief(r.Keywords["check"]) }

// lookCheck runs the keyword check of a resource of any group and reads its exit code through the
// keyword retcodes. A code that is not listed is warn; a command that gives no code is undef.
func lookCheck(ctx context.Context, l *look) finding {
	codes, err := task.ParseRetCodes(l.Keywords["retcodes"])
	if err != nil {
		return unseen("retcodes: %v", err)
	}
	if l.Exec == nil {
		return unseen("check: nothing here can run a command")
	}
	l.begin("check %s", brief(l.Keywords["check"]))
	code, output, err := l.Exec(ctx, l.Resource, l.Keywords["check"])
	if err != nil {
		return unseen("check: %v", err)
	}
	return checked(codes, code, output)
}

func checked(codes map[int]task.Status, code int, output string) finding {
	status, listed := task.RetCode(codes, code)
	f := is(status)
	if !listed {
		f.log = append(f.log, warn("check: exit code %d is not in retcodes", code))
	}
	if said := brief(output); said != "" && status != task.Up {
		f.log = append(f.log, info("check: %q", said))
	}
	return f
}
