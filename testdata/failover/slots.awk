# The slots of task#0, each five seconds, in the export of a record: from the first to the last, each in one row.
/"table":"slot"/ && /"rid":"task#0"/ {
	match($0, /"slot":[0-9]+/); first = substr($0, RSTART + 7, RLENGTH - 7) / 1e6
	match($0, /"slot_last":[0-9]+/); last = substr($0, RSTART + 12, RLENGTH - 12) / 1e6
	for (s = first; s <= last; s += 5) seen[s]++
	if (min == "" || first < min) min = first
	if (last > max) max = last
}
/"table":"run"/ && /"rid":"task#0"/ && match($0, /"slot":[0-9]+/) {
	s = substr($0, RSTART + 7, RLENGTH - 7) / 1e6
	if (++runs[s] > 1) { print "two runs at " s; bad++ }
}
END {
	for (s = min; s <= max; s += 5) if (seen[s] != 1) { print seen[s] + 0 " decisions about " s; bad++ }
	print length(seen) " slots, " bad + 0 " wrong"
	exit bad > 0 || length(seen) < 3
}
