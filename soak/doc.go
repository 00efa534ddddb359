// Package soak holds the proof that no slot is missed and none runs twice: real processes of the real om and omd, a
// nemesis that kills, stops, edits, freezes, fills, slows, moves services to another node and sets the clock, and a checker that holds the record against what
// the tasks wrote themselves. It is tests only; "make soak" runs them for longer.
package soak
