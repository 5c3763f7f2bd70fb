package wasip2

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/wasinn/wasinn/component/internal/hostfs"
	fstypes "github.com/wasinn/wasinn/gen/wasi/filesystem/types"
)

// Errors that this package makes itself.
var (
	errBadDescriptor error = syscall.EBADF
	errBadOffset     error = syscall.EINVAL
	errInvalid       error = syscall.EINVAL
	errIsDirectory   error = syscall.EISDIR
	errNotDirectory  error = syscall.ENOTDIR
	errNotPermitted  error = syscall.EPERM
	errTooManyFiles  error = syscall.EMFILE
)

// errnoCodes maps the system's error numbers to the interface's codes by
// name.
var errnoCodes = map[syscall.Errno]fstypes.ErrorCode{
	syscall.EACCES:       fstypes.ErrorCodeAccess,
	syscall.EAGAIN:       fstypes.ErrorCodeWouldBlock,
	syscall.EALREADY:     fstypes.ErrorCodeAlready,
	syscall.EBADF:        fstypes.ErrorCodeBadDescriptor,
	syscall.EBUSY:        fstypes.ErrorCodeBusy,
	syscall.EDEADLK:      fstypes.ErrorCodeDeadlock,
	syscall.EDQUOT:       fstypes.ErrorCodeQuota,
	syscall.EEXIST:       fstypes.ErrorCodeExist,
	syscall.EFBIG:        fstypes.ErrorCodeFileTooLarge,
	syscall.EILSEQ:       fstypes.ErrorCodeIllegalByteSequence,
	syscall.EINPROGRESS:  fstypes.ErrorCodeInProgress,
	syscall.EINTR:        fstypes.ErrorCodeInterrupted,
	syscall.EINVAL:       fstypes.ErrorCodeInvalid,
	syscall.EIO:          fstypes.ErrorCodeIO,
	syscall.EISDIR:       fstypes.ErrorCodeIsDirectory,
	syscall.ELOOP:        fstypes.ErrorCodeLoop,
	syscall.EMFILE:       fstypes.ErrorCodeQuota,
	syscall.ENFILE:       fstypes.ErrorCodeQuota,
	syscall.EMLINK:       fstypes.ErrorCodeTooManyLinks,
	syscall.EMSGSIZE:     fstypes.ErrorCodeMessageSize,
	syscall.ENAMETOOLONG: fstypes.ErrorCodeNameTooLong,
	syscall.ENODEV:       fstypes.ErrorCodeNoDevice,
	syscall.ENOENT:       fstypes.ErrorCodeNoEntry,
	syscall.ENOLCK:       fstypes.ErrorCodeNoLock,
	syscall.ENOMEM:       fstypes.ErrorCodeInsufficientMemory,
	syscall.ENOSPC:       fstypes.ErrorCodeInsufficientSpace,
	syscall.ENOTDIR:      fstypes.ErrorCodeNotDirectory,
	syscall.ENOTEMPTY:    fstypes.ErrorCodeNotEmpty,
	syscall.ENOTSUP:      fstypes.ErrorCodeUnsupported,
	syscall.ENOTTY:       fstypes.ErrorCodeNoTTY,
	syscall.ENXIO:        fstypes.ErrorCodeNoSuchDevice,
	syscall.EOVERFLOW:    fstypes.ErrorCodeOverflow,
	syscall.EPERM:        fstypes.ErrorCodeNotPermitted,
	syscall.EPIPE:        fstypes.ErrorCodePipe,
	syscall.EROFS:        fstypes.ErrorCodeReadOnly,
	syscall.ESPIPE:       fstypes.ErrorCodeInvalidSeek,
	syscall.ETXTBSY:      fstypes.ErrorCodeTextFileBusy,
	syscall.EXDEV:        fstypes.ErrorCodeCrossDevice,
}

// errorCode is the interface's code for an error of the host's filesystem.
func errorCode(err error) fstypes.ErrorCode {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if code, ok := errnoCodes[errno]; ok {
			return code
		}
	}
	switch {
	case errors.Is(err, hostfs.ErrEscapes), errors.Is(err, hostfs.ErrReadOnly), errors.Is(err, fs.ErrPermission):
		return fstypes.ErrorCodeNotPermitted
	case errors.Is(err, hostfs.ErrSpecialFile):
		return fstypes.ErrorCodeUnsupported
	case errors.Is(err, fs.ErrNotExist):
		return fstypes.ErrorCodeNoEntry
	case errors.Is(err, fs.ErrExist):
		return fstypes.ErrorCodeExist
	case errors.Is(err, os.ErrClosed):
		return fstypes.ErrorCodeBadDescriptor
	}
	return fstypes.ErrorCodeIO
}
