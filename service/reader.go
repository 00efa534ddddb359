package service

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"om/task"
)

// A Reader reads the files of services one after another, each into the memory of the one before: a node has thousands,
// and most are much alike. A Service that it returned is good until its next Read, or for ever where Keep was called. The
// zero value is ready. It is not for several goroutines at once.
type Reader struct {
	room   *room
	values values
}

// room is the memory that a service is read into.
type room struct {
	service   Service
	file      file
	order     []*section
	sections  []section
	entries   []entry
	tasks     []task.Task
	resources []task.Resource
}

// Read is the function Read.
func (r *Reader) Read(dir, path string, n Node) (*Service, error) {
	file, err := File(dir, path)
	if err != nil {
		return nil, err
	}
	if namespace, _, ok := strings.Cut(path, "/"); ok {
		if err = twice(dir, namespace); err != nil {
			return nil, err
		}
	}
	o, err := open(file)
	if errors.Is(err, fs.ErrNotExist) && o.link {
		return nil, task.Errorf(task.ErrNotFound, "%s: it is a link to a file that is not there", file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		all, _ := List(dir)
		return nil, notFound("service", path, path, all)
	}
	if err != nil {
		return nil, err
	}
	if err := o.check(dir, file, os.Geteuid()); err != nil {
		return nil, err
	}
	svc := r.parse(file, path, o.text, n)
	svc.Linked = o.link
	return svc, nil
}

// Keep leaves the last service that was read to who has it.
func (r *Reader) Keep() { r.room = nil }

// here is where the next service is read into.
func (r *Reader) here() *room {
	if r.room == nil {
		r.room = &room{}
	}
	return r.room
}

// parse is Parse.
func (r *Reader) parse(file, path string, text []byte, n Node) *Service {
	in := r.here()
	s := &in.service
	*s = Service{Path: path, Name: path, File: file, Text: text, Topology: "failover", node: n}
	if namespace, name, ok := strings.Cut(path, "/"); ok {
		s.Namespace, s.Name = namespace, name
	}
	s.file = r.read(file, text)
	b := builder{Service: s}
	b.build(in)
	s.known = nil
	s.Problems = s.file.problems
	sortProblems(s.Problems)
	return s
}
