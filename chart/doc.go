// Package chart draws plain values: what happened to tasks along time (Gantt) and how much happens when (Heat), as text for
// a terminal, as SVG and as PNG. The same values give the same bytes, on every machine and with every version of Go. It
// knows neither tasks nor the record, reads no clock, and takes every text for hostile.
package chart
