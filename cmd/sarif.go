package cmd

import (
	"cmp"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// The part of SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/) that code hosts read to show problems
// beside the lines they are about.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// sarif is the problems of files as a SARIF log. The rule of a problem is the keyword it is about, "section" or
// "file". Files are named relative to dir, which a checkout of the files has as its root.
func sarif(rows []problemRow, dir, version string) sarifLog {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "om", Version: version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	for _, row := range rows {
		rule := sarifRule{ruleOf(row)}
		if !slices.Contains(run.Tool.Driver.Rules, rule) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
		}
		uri := row.File
		if relative, err := filepath.Rel(dir, row.File); err == nil && filepath.IsLocal(relative) {
			uri = filepath.ToSlash(relative)
		}
		uri = (&url.URL{Path: uri}).EscapedPath()
		run.Results = append(run.Results, sarifResult{
			RuleID: rule.ID, Level: row.Severity, Message: sarifText{messageOf(row)},
			Locations: []sarifLocation{{sarifPhysical{sarifArtifact{uri}, sarifRegion{max(row.Line, 1)}}}},
		})
	}
	return sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

func ruleOf(row problemRow) string {
	if row.Keyword == "" && row.Section != "" {
		return "section"
	}
	return cmp.Or(row.Keyword, "file")
}

// messageOf is the problem without its file and line, which have their own places.
func messageOf(row problemRow) string {
	p := row.problem()
	p.File, p.Line = "", 0
	return strings.TrimPrefix(p.String(), ": ")
}
