//go:build !race

package soak_test

const slow = 1
