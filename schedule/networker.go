package schedule

func (s *Schedule) parseNetWorker(p part) error { return p.wanted("something else") }

type levels struct{}
