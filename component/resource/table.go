// Package resource has the one free-list table that handles, reps and witx
// handles live in.
package resource
