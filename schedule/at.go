package schedule

func (s *Schedule) parseAt(p part) error { return p.wanted("something else") }
