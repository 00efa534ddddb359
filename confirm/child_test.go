package confirm_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"om/confirm"
)

// TestMain lets the test binary be the program that asks, under a terminal of the test's making.
func TestMain(m *testing.M) {
	switch os.Getenv("CONFIRM_ROLE") {
	case "ask":
		os.Exit(ask())
	case "ask and read on":
		code := ask()
		next, err := bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Printf("next: %q %v\n", next, err)
		os.Exit(code)
	case "background":
		os.Exit(startInBackground())
	case "shell":
		os.Exit(takeTerminalBack())
	}
	_ = flag.Set("test.parallel", "16") // they wait, they do not work
	os.Exit(m.Run())
}

// ask is om as far as it matters here: the question, then the documented last line.
func ask() int {
	timeout, err := time.ParseDuration(os.Getenv("CONFIRM_TIMEOUT"))
	if err != nil {
		fmt.Println(err)
		return 2
	}
	ignored := ignoredSignals()
	a := confirm.Asker{In: os.Stdin, Out: os.Stdout, Timeout: timeout, Getenv: os.Getenv}
	err = a.Ask(context.Background(), "task#0")
	if now := ignoredSignals(); now != ignored {
		fmt.Printf("ignored signals were %s, are %s\n", ignored, now)
	}
	if err != nil {
		fmt.Println("ERROR", err)
		return 1
	}
	fmt.Println("INFO run confirmed")
	return 0
}

// ignoredSignals is what a child process would inherit.
func ignoredSignals() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "SigIgn:")
	mask, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(mask)
}

func child(attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONFIRM_ROLE=ask")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	return cmd
}

// startInBackground asks in a process group that the terminal is not given to.
func startInBackground() int {
	return code(child(&syscall.SysProcAttr{Setpgid: true}).Run())
}

// takeTerminalBack does what a shell does on Ctrl-Z and bg: the program that asks runs on, but
// the terminal is another's.
func takeTerminalBack() int {
	signal.Ignore(unix.SIGTTOU)
	cmd := child(&syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0})
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		return 2
	}
	taken := make(chan os.Signal, 1)
	signal.Notify(taken, unix.SIGUSR1)
	<-taken
	if err := unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, unix.Getpgrp()); err != nil {
		fmt.Println(err)
	}
	fmt.Println("taken")
	return code(cmd.Wait())
}

func code(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
