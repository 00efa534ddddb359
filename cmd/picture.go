package cmd

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"om/chart"
	"om/service"
)

// pictures are the files that a picture is written to.
type pictures struct{ svg, png string }

// addPictures adds the flags that name them.
func addPictures(c *cobra.Command, p *pictures) {
	c.Flags().StringVar(&p.svg, "svg", "", "write the picture to this file as SVG, - for stdout")
	c.Flags().StringVar(&p.png, "png", "", "write the picture to this file as PNG, - for stdout")
	for _, name := range []string{"svg", "png"} {
		_ = c.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{name}, cobra.ShellCompDirectiveFilterFileExt
		})
	}
}

func (p pictures) wanted() bool { return p.svg != "" || p.png != "" }

// check refuses two results on one stdout.
func (p pictures) check() error {
	if p.svg == "-" && p.png == "-" {
		return usage("--svg - and --png -: only one of them can be on stdout")
	}
	if p.svg != "" && filepath.Clean(p.svg) == filepath.Clean(p.png) {
		return usage("--svg and --png name one file: %s", p.svg)
	}
	return nil
}

// draw writes the picture to each of the files.
func (a *app) draw(p pictures, picture *chart.Picture) error {
	if p.svg != "" {
		if err := a.writePicture(p.svg, picture.WriteSVG); err != nil {
			return err
		}
	}
	if p.png == "" {
		return nil
	}
	return a.writePicture(p.png, picture.WritePNG)
}

// writePicture puts a picture in the place of a file in one step. What is no regular file is written to: replacing a device
// or a pipe would take it away from others.
func (a *app) writePicture(file string, write func(io.Writer) error) error {
	if file == "-" {
		return write(a.Stdout)
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return write(f)
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil { // a folder that is not there is a slip
		return err
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return service.Write(file, b.Bytes())
}

// screen is what charts are drawn for: the terminal, or a page of 100 cells. Letters beyond ASCII are for a locale that has
// them.
func (a *app) screen() chart.Screen {
	s := chart.Screen{Width: a.width(), Color: a.colored(a.Stdout), ASCII: !a.unicode()}
	if s.Width == 0 {
		s.Width = 100
	}
	return s
}

// unicode says that the locale is one of UTF-8.
func (a *app) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := a.Getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}
