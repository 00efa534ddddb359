package schedule

func (s *Schedule) parseCron(p part, _ *Options) error { return p.wanted("something else") }
