package hostnet

import "golang.org/x/sys/unix"

const (
	tcpKeepIdle  = unix.TCP_KEEPALIVE
	bufferFactor = 1
)

// disconnect ends a datagram socket's association, by an address that is none:
// the system refuses it after it has ended the association.
func disconnect(fd int) error {
	if err := unix.Connect(fd, &unix.SockaddrInet4{}); err != unix.EADDRNOTAVAIL && err != unix.EAFNOSUPPORT {
		return err
	}
	return nil
}
