package preview1

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/wasinn/wasinn/component/internal/hostfs"
)

// Errno is what a function of preview 1 returns; 0 is success.
type Errno uint16

// Interrupted is no errno of the specification: the context has ended, and the
// guest is not to go on.
const Interrupted Errno = 0xffff

const (
	errAcces       Errno = 2
	errAgain       Errno = 6
	errBadf        Errno = 8
	errFault       Errno = 21
	errInval       Errno = 28
	errIo          Errno = 29
	errIsdir       Errno = 31
	errMfile       Errno = 33
	errNametoolong Errno = 37
	errNoent       Errno = 44
	errExist       Errno = 20
	errNosys       Errno = 52
	errNotdir      Errno = 54
	errNotsock     Errno = 57
	errOverflow    Errno = 61
	errPerm        Errno = 63
	errPipe        Errno = 64
	errRofs        Errno = 69
	errSpipe       Errno = 70
	errNotcapable  Errno = 76
)

// errnos are the specification's numbers of the system's errors.
var errnos = map[syscall.Errno]Errno{
	syscall.E2BIG:        1,
	syscall.EACCES:       errAcces,
	syscall.EAGAIN:       errAgain,
	syscall.EBADF:        errBadf,
	syscall.EBUSY:        10,
	syscall.EDEADLK:      16,
	syscall.EDQUOT:       19,
	syscall.EEXIST:       errExist,
	syscall.EFBIG:        22,
	syscall.EILSEQ:       25,
	syscall.EINTR:        27,
	syscall.EINVAL:       errInval,
	syscall.EIO:          errIo,
	syscall.EISDIR:       errIsdir,
	syscall.ELOOP:        32,
	syscall.EMFILE:       errMfile,
	syscall.EMLINK:       34,
	syscall.ENAMETOOLONG: errNametoolong,
	syscall.ENFILE:       41,
	syscall.ENODEV:       43,
	syscall.ENOENT:       errNoent,
	syscall.ENOLCK:       46,
	syscall.ENOMEM:       48,
	syscall.ENOSPC:       51,
	syscall.ENOSYS:       errNosys,
	syscall.ENOTDIR:      errNotdir,
	syscall.ENOTEMPTY:    55,
	syscall.ENOTSUP:      58,
	syscall.ENXIO:        60,
	syscall.EOVERFLOW:    errOverflow,
	syscall.EPERM:        errPerm,
	syscall.EPIPE:        errPipe,
	syscall.EROFS:        errRofs,
	syscall.ESPIPE:       errSpipe,
	syscall.ESTALE:       72,
	syscall.ETXTBSY:      74,
	syscall.EXDEV:        75,
}

// errnoOf is the errno of an error of the host's files.
func errnoOf(err error) Errno {
	if err == nil {
		return 0
	}
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		if e, ok := errnos[no]; ok {
			return e
		}
	}
	switch {
	case errors.Is(err, hostfs.ErrEscapes):
		return errPerm
	case errors.Is(err, hostfs.ErrReadOnly):
		return errRofs
	case errors.Is(err, hostfs.ErrSpecialFile), errors.Is(err, fs.ErrPermission):
		return errAcces
	case errors.Is(err, fs.ErrNotExist):
		return errNoent
	case errors.Is(err, fs.ErrExist):
		return errExist
	case errors.Is(err, fs.ErrInvalid):
		return errInval
	case errors.Is(err, os.ErrClosed):
		return errBadf
	}
	return errIo
}
