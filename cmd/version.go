package cmd

import (
	"runtime"

	"github.com/spf13/cobra"
)

// versionRow is om version for programs.
type versionRow struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionVerb(a *app) *cobra.Command {
	return &cobra.Command{Use: "version", Args: noArgs, RunE: func(*cobra.Command, []string) error {
		if a.global.output == "table" || a.global.output == "plain" {
			return a.printf("om %s\n", a.Version)
		}
		v := versionRow{a.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH}
		if a.global.output == "csv" {
			return a.csv([]versionRow{v})
		}
		return a.value(v)
	}}
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
