package cmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"om/service"
	"om/state"
)

func completionVerb(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish",
		Long: `Print the completion script of a shell. For bash: om completion bash > /etc/bash_completion.d/om, or in a
session: source <(om completion bash).`,
		Args:              oneArg("shell: bash, zsh or fish"),
		ValidArgsFunction: completeWords("bash", "zsh", "fish"),
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return c.Root().GenZshCompletion(a.Stdout)
			case "fish":
				return c.Root().GenFishCompletion(a.Stdout, true)
			}
			return usage("om completion %q: wanted bash, zsh or fish", args[0])
		},
	}
}

// complete answers the shell: what may stand at the last word of r.args. The selector is not cobra's to
// know, so the first words are completed here, and the rest by the verb that they name.
func (a *app) complete(r route) error {
	words := r.args[1+slices.Index(r.args, r.verb):]
	if len(words) == 0 {
		return nil
	}
	typed := routeOf(append([]string{"om"}, words[:len(words)-1]...), isVerb)
	a.selector = typed.selector
	last := words[len(words)-1]
	switch {
	case strings.HasPrefix(last, "-") && typed.verb == "":
	case typed.verb == "" && typed.selector == "":
		return a.offer(last, append(a.serviceNames(), verbHelp(false)...))
	case typed.verb == "":
		return a.offer(last, verbHelp(true))
	}
	root := a.root(a.wanted(typed))
	a.completeGlobals(root)
	root.SetArgs(append([]string{r.verb}, append(typed.args, last)...))
	return root.Execute()
}

// completeGlobals teaches root the values of the flags that every verb has.
func (a *app) completeGlobals(root *cobra.Command) {
	services := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return a.serviceNames(), cobra.ShellCompDirectiveNoFileComp
	}
	_ = root.RegisterFlagCompletionFunc("output", completeWords(formats()...))
	_ = root.RegisterFlagCompletionFunc("color", completeWords("auto", "always", "never"))
	_ = root.RegisterFlagCompletionFunc("service", services)
}

// offer prints the words that begin with what is typed, in the way of cobra's scripts: 4 is "no files".
func (a *app) offer(typed string, words []string) error {
	for _, w := range words {
		if strings.HasPrefix(w, typed) && visible(w) == w { // a shell shows it as it is
			fmt.Fprintln(a.Stdout, w)
		}
	}
	fmt.Fprintln(a.Stdout, ":4")
	return nil
}

func verbHelp(service bool) []string {
	var out []string
	for _, v := range verbs() {
		if service && v.service || !service && v.node {
			out = append(out, v.name+"\t"+v.short)
		}
	}
	return out
}

func (a *app) serviceNames() []string {
	e, err := a.engine()
	if err != nil {
		return nil
	}
	paths, _ := e.Services()
	return paths
}

// completeSelector offers services for the selector behind a verb.
func (a *app) completeSelector(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if a.selector != "" || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(a.serviceNames(), typed), cobra.ShellCompDirectiveNoFileComp
}

// completer is what cobra calls to complete a flag or an argument.
type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeWords offers those of the words that begin with what is typed.
func completeWords(words ...string) completer {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return beginning(words, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

func beginning(words []string, typed string) (with []string) {
	for _, w := range words {
		if strings.HasPrefix(w, typed) {
			with = append(with, w)
		}
	}
	return with
}

func orNoFiles(c completer) completer {
	if c == nil {
		return completeWords()
	}
	return c
}

// completeSections offers the kinds of sections that have keywords.
func completeSections(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, k := range service.Keywords() {
		words = append(words, k.Section)
	}
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

// completeVersions offers the versions of the file that were replaced.
func (a *app) completeVersions(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var words []string
	e, path, err := a.service()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	versions, _ := e.Versions(context.Background(), path)
	for _, v := range versions {
		words = append(words, fmt.Sprintf("%d\t%s by %s", v.Version, a.when(v.At), oneLine(v.By)))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeZones offers the names of time zones, a folder of the database at a time.
func completeZones(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	folder := typed[:strings.LastIndexByte(typed, '/')+1]
	entries, _ := os.ReadDir(filepath.Join("/usr/share/zoneinfo", filepath.Clean("/"+folder)))
	var words []string
	for _, e := range entries {
		switch name := e.Name(); {
		case name[0] < 'A' || name[0] > 'Z':
		case e.IsDir():
			words = append(words, folder+name+"/")
		default:
			words = append(words, folder+name)
		}
	}
	return beginning(words, typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// loaded is the service that is being typed, nil if there is none or several.
func (a *app) loaded() *service.Service {
	e, path, err := a.service()
	if err != nil {
		return nil
	}
	s, err := e.Load(path)
	if err != nil {
		return nil
	}
	return s
}

func (a *app) completeRIDs(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var words []string
	if s := a.loaded(); s != nil {
		for _, t := range s.Tasks {
			words = append(words, t.ID.RID+"\t"+oneLine(cmp.Or(t.Description, t.Command)))
		}
	}
	return afterComma(typed, words), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func (a *app) completeTags(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var words []string
	if s := a.loaded(); s != nil {
		for _, t := range s.Tasks {
			words = append(words, t.Tags...)
		}
	}
	slices.Sort(words)
	return afterComma(typed, slices.Compact(words)), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func (a *app) completeSubsets(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var words []string
	if s := a.loaded(); s != nil {
		for _, t := range s.Tasks {
			words = append(words, t.Subset)
		}
	}
	slices.Sort(words)
	return afterComma(typed, slices.Compact(words)), cobra.ShellCompDirectiveNoFileComp
}

// afterComma offers each word after the part of a list that is typed already.
func afterComma(typed string, words []string) []string {
	head := typed[:strings.LastIndexAny(typed, ",+")+1]
	var out []string
	for _, w := range words {
		if w != "" && visible(w) == w { // a shell shows it as it is
			out = append(out, head+w)
		}
	}
	return out
}

func (a *app) completeRuns(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var words []string
	e, err := a.engine()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	e.Trouble = nil
	runs, _, _ := e.History(context.Background(), a.selector, state.Query{Limit: 20}, false)
	for _, r := range runs {
		words = append(words, fmt.Sprintf("%s\t%s %s %s", r.ID, r.Task, r.State, a.when(r.StartedAt)))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeKeys offers SECTION.KEYWORD, once a section is typed.
func (a *app) completeKeys(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	section, _, dotted := strings.Cut(typed, ".")
	var words []string
	if !dotted {
		if s := a.loaded(); s != nil {
			for _, r := range s.Resources {
				words = append(words, r.RID+".")
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	group, _, _ := strings.Cut(section, "#")
	for _, k := range service.KeywordsOf(group) {
		words = append(words, section+"."+k.Name+"\t"+k.Text)
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
