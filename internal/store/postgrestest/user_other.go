//go:build !linux

package postgrestest

import "syscall"

// unprivileged has nothing to do where tests do not run as root.
func unprivileged(string) (*syscall.SysProcAttr, error) { return &syscall.SysProcAttr{}, nil }
