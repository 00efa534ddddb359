package schedule

func (s *Schedule) parseEvery(p part) error { return p.wanted("something else") }
