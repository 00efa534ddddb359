package schedule

func (s *Schedule) parseCalendar(p part, _ *Options) error { return p.wanted("something else") }
