package task

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// plainJob is Job as package json sees it by itself.
type plainJob Job

// MarshalJSON writes all of a job but its functions. Arguments and variables may hold any bytes: they
// come back as they were.
func (j Job) MarshalJSON() ([]byte, error) { return json.Marshal(plainJob(j.mapped(armored))) }

// UnmarshalJSON reads what MarshalJSON wrote. A field that this om does not know is an error: the job
// would not be the one that was meant.
func (j *Job) UnmarshalJSON(text []byte) error { return jobReader(text).read(j) }

// read reads the next job. Going through UnmarshalJSON, package json would look at the text four times, not twice.
func (d jobDecoder) read(j *Job) error {
	var p plainJob
	if err := d.Decode(&p); err != nil {
		return err
	}
	*j = Job(p).mapped(bare)
	return nil
}

type jobDecoder struct{ *json.Decoder }

// jobReader reads jobs, one after the other.
func jobReader(text []byte) jobDecoder {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return jobDecoder{d}
}

// armored is s where JSON can carry it, else a NUL and s in base64.
func armored(s string) string {
	if utf8.ValidString(s) && !strings.HasPrefix(s, "\x00") {
		return s
	}
	return "\x00" + base64.StdEncoding.EncodeToString([]byte(s))
}

// bare undoes armored.
func bare(s string) string {
	code, ok := strings.CutPrefix(s, "\x00")
	if !ok {
		return s
	}
	text, err := base64.StdEncoding.DecodeString(code)
	if err != nil {
		return s
	}
	return string(text)
}

// mapped is a copy of the job with f done to each text in it.
func (j Job) mapped(f func(string) string) Job {
	mapTexts(f, &j.ID.Service, &j.ID.RID, &j.RunID, (*string)(&j.Origin), &j.User, (*string)(&j.Leftover),
		&j.Output, (*string)(&j.Log), &j.Cancel, &j.Record)
	j.Notes = mapped(j.Notes, f)
	j.Steps = slices.Clone(j.Steps)
	for i := range j.Steps {
		step := &j.Steps[i]
		step.Name, step.Command = f(step.Name), step.Command.mapped(f)
	}
	return j
}

func (c Command) mapped(f func(string) string) Command {
	mapTexts(f, &c.Path, &c.Dir, &c.User, &c.IOClass)
	c.Argv, c.Env, c.Limits = mapped(c.Argv, f), mapped(c.Env, f), slices.Clone(c.Limits)
	for i := range c.Limits {
		c.Limits[i].Name = f(c.Limits[i].Name)
	}
	return c
}

func (e Ended) mapped(f func(string) string) Ended {
	o := &e.Outcome
	mapTexts(f, &e.ID.Service, &e.ID.RID, &e.Record, &o.RunID, (*string)(&o.State), &o.Signal, &o.Reason)
	o.Notes = mapped(o.Notes, f)
	return e
}

func mapTexts(f func(string) string, texts ...*string) {
	for _, s := range texts {
		*s = f(*s)
	}
}

// mapped is a copy of a list with f done to each text; nil stays nil.
func mapped(list []string, f func(string) string) []string {
	list = slices.Clone(list)
	for i, s := range list {
		list[i] = f(s)
	}
	return list
}
