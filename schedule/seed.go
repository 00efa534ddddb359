package schedule

// A Seed makes a spread, a ~ and an H the same at each look, and different from those of others.
type Seed uint64

// NewSeed makes a seed of the names that tell one task from the others: of the node, or the cluster
// where all nodes are to start it at the same time, of the service and of the task. It is FNV-1a, with a
// zero byte after each name, so that it is the same on each machine and in each version of om.
func NewSeed(names ...string) Seed {
	h := uint64(14695981039346656037)
	for _, name := range names {
		for i := range len(name) {
			h = (h ^ uint64(name[i])) * 1099511628211
		}
		h *= 1099511628211
	}
	return Seed(h)
}

// at is the seed for the nth of many. https://prng.di.unimi.it/splitmix64.c
func (s Seed) at(n int64) Seed {
	z := uint64(s) + uint64(n)*0x9e3779b97f4a7c15 //nolint:gosec // a hash
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return Seed(z ^ z>>31)
}

// below is a number from 0 to n-1, the same for the same seed; 0 where n is not above 0.
func (s Seed) below(n int32) int32 {
	if n <= 0 {
		return 0
	}
	return int32(uint64(s.at(1)) % uint64(n)) //nolint:gosec // below n
}
