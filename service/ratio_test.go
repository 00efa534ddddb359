package service

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gopkg.in/ini.v1"
)

func TestRatio(t *testing.T) {
	text := sample()
	var rs, ps, is []float64
	for range 41 {
		t0 := time.Now()
		for range 200 {
			Parse("shop.conf", "shop", text, Node{Name: "n1"})
		}
		t1 := time.Now()
		for range 200 {
			ini.LoadSources(options(), text)
		}
		t2 := time.Now()
		p, i := t1.Sub(t0).Seconds(), t2.Sub(t1).Seconds()
		rs = append(rs, p/i)
		ps = append(ps, p/200*1e6)
		is = append(is, i/200*1e6)
	}
	slices.Sort(rs)
	slices.Sort(ps)
	slices.Sort(is)
	fmt.Printf("ratio %.2f (%.2f-%.2f)  parse %.1f us  ini %.1f us\n", rs[20], rs[5], rs[35], ps[20], is[20])
}
