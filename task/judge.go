package task

import (
	"strings"
)

// exit is how the command ended: a code, or a signal.
func (r *run) exit() (code int, signal string) {
	switch {
	case !r.dead:
		return 0, ""
	case r.status.Signaled():
		return 0, SignalName(int(r.status.Signal()))
	}
	return r.status.ExitStatus(), ""
}

// finished judges a command that ended by itself, or because a person ended it from outside.
func (r *run) finished() {
	step := &r.job.Steps[r.step]
	code, signal := r.exit()
	if reason, asked := r.asked(); asked {
		r.because = reason
		r.cancelStep(code, signal)
		return
	}
	state := r.judge(step, code, signal)
	if state != Complete {
		r.failed(step, state, code, signal, "")
		return
	}
	if step.Name == stepCommand {
		r.outcome.State, r.outcome.ExitCode = state, code
	}
	r.next(r.step + 1)
}

// judge gives a step that ended by itself its state. For the command an exit code is a success that
// retcodes names as up or warn.
func (r *run) judge(step *Step, code int, signal string) RunState {
	status, listed := RetCode(r.job.RetCodes, code)
	main := step.Name == stepCommand
	switch {
	case signal != "" && main:
		return Killed
	case signal != "":
		return Failed
	case main && listed && (status == Up || status == Warn), !main && code == 0:
		return Complete
	}
	return Failed
}

// asked reports whether somebody has left word that they end this run, and why.
func (r *run) asked() (reason string, yes bool) {
	path := r.job.cancelFile()
	if path == "" || r.outcome.State.Final() && r.outcome.State != Complete {
		return "", false
	}
	text, err := readFile(path, 4<<10)
	return strings.TrimSpace(string(text)), err == nil
}

// failed goes on after a step that did not succeed.
func (r *run) failed(step *Step, state RunState, code int, signal, reason string) {
	o := Outcome{State: state, ExitCode: code, Signal: signal, Reason: reason}
	switch {
	case step.Name == stepOnError || !step.Blocking:
		r.note("%s: %s, ignored", step.Name, o.Summary())
		r.next(r.step + 1)
		return
	case step.Name != stepCommand:
		reason = step.Name + ": " + o.Summary()
	}
	r.fail(state, reason)
	r.outcome.ExitCode, r.outcome.Signal = code, signal
	if last := len(r.job.Steps) - 1; last > r.step && r.job.Steps[last].Name == stepOnError {
		r.begin(last)
		return
	}
	r.conclude()
}

// cancelStep ends the run after a step that was cancelled, whichever it was.
func (r *run) cancelStep(code int, signal string) {
	step := r.job.Steps[r.step]
	step.Blocking = true
	r.failed(&step, Cancelled, code, signal, r.because)
}
