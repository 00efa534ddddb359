package cmd

import (
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// versionRow is om version for programs. The date is the commit's: that of the build would make each build another program.
type versionRow struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Static  bool   `json:"static"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionVerb(a *app) *cobra.Command {
	return &cobra.Command{Use: "version", Args: noArgs, RunE: func(*cobra.Command, []string) error {
		if a.global.output == "table" || a.global.output == "plain" {
			return a.printf("om %s\n", a.Version)
		}
		v := versionRow{a.Version, a.Commit, a.Date, static(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
		if a.global.output == "csv" {
			return a.csv([]versionRow{v})
		}
		return a.value(v)
	}}
}

// static says that this process has no dynamic linker: the kernel tells each process the address of its own, 0 for none.
func static() bool {
	const atBase = 7 // AT_BASE in elf.h
	vector, err := unix.Auxv()
	return err == nil && slices.Contains(vector, [2]uintptr{atBase, 0})
}

func helpVerb(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Long: "Help about om, or about one verb.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Root().Help()
			}
			v, ok := find(args[0])
			if !ok {
				return usage("%q is no verb%s", args[0], didYouMean(args[0], append(names(true), names(false)...)))
			}
			root := a.root([]verb{v})
			sub, _, err := root.Find(args)
			if err != nil {
				return usageError{err.Error()}
			}
			return sub.Help()
		},
		ValidArgsFunction: completeWords(append(names(true), names(false)...)...),
	}
}
