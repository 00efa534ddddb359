package schedule

func (s *Schedule) parseAnacron(p part) error { return p.wanted("something else") }
