package hostnet

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	tcpKeepIdle  = unix.TCP_KEEPIDLE
	bufferFactor = 2 // the system tells twice what was set, for its own needs
)

// disconnect ends a datagram socket's association, by an address of no family.
func disconnect(fd int) error {
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	if _, _, err := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)); err != 0 {
		return err
	}
	return nil
}
