package wasip2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/wasinn/wasinn/component/abi"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"github.com/wasinn/wasinn/gen/wasi/io/ioerror"
)

// httpError is an error of HTTP with the interface's code for it.
type httpError struct {
	code httptypes.ErrorCode
	err  error // what it comes from, if anything
}

func (e *httpError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("%v: %v", e.code.Tag, e.err)
	}
	return e.code.Tag.String()
}

func (e *httpError) Unwrap() error { return e.err }

// Errors of HTTP that this package makes itself.
var (
	errHTTPDenied         = &httpError{code: httptypes.ErrorCodeHTTPRequestDenied()}
	errHTTPURI            = &httpError{code: httptypes.ErrorCodeHTTPRequestURIInvalid()}
	errHTTPMethod         = &httpError{code: httptypes.ErrorCodeHTTPRequestMethodInvalid()}
	errHTTPScheme         = &httpError{code: httptypes.ErrorCodeHTTPProtocolError()}
	errHTTPLength         = &httpError{code: httptypes.ErrorCodeHTTPProtocolError(), err: errors.New("content-length is not one number")}
	errHTTPAddress        = &httpError{code: httptypes.ErrorCodeDestinationIPProhibited()}
	errHTTPLimit          = &httpError{code: httptypes.ErrorCodeConnectionLimitReached()}
	errHTTPConnectTimeout = &httpError{code: httptypes.ErrorCodeConnectionTimeout()}
	errHTTPReadTimeout    = &httpError{code: httptypes.ErrorCodeConnectionReadTimeout()}
	errHTTPCutOff         = &httpError{code: httptypes.ErrorCodeInternalError(abi.Option[string]{Value: "the body was dropped before it was finished", Some: true})}
	errHTTPGone           = &httpError{code: httptypes.ErrorCodeConnectionTerminated()}
)

// errnoHTTPCodes maps the system's error numbers to the interface's codes.
var errnoHTTPCodes = map[syscall.Errno]httptypes.ErrorCode{
	syscall.ECONNREFUSED:  httptypes.ErrorCodeConnectionRefused(),
	syscall.ECONNRESET:    httptypes.ErrorCodeConnectionTerminated(),
	syscall.ECONNABORTED:  httptypes.ErrorCodeConnectionTerminated(),
	syscall.EPIPE:         httptypes.ErrorCodeConnectionTerminated(),
	syscall.EHOSTUNREACH:  httptypes.ErrorCodeDestinationIPUnroutable(),
	syscall.ENETUNREACH:   httptypes.ErrorCodeDestinationIPUnroutable(),
	syscall.EADDRNOTAVAIL: httptypes.ErrorCodeDestinationIPUnroutable(),
	syscall.ETIMEDOUT:     httptypes.ErrorCodeConnectionTimeout(),
	syscall.EMFILE:        httptypes.ErrorCodeConnectionLimitReached(),
	syscall.ENFILE:        httptypes.ErrorCodeConnectionLimitReached(),
}

// httpCode is the interface's code for an error of net/http.
func httpCode(err error) httptypes.ErrorCode {
	var (
		known *httpError
		errno syscall.Errno
		dns   *net.DNSError
	)
	switch {
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &dns):
		return dnsCode(dns)
	case errors.As(err, &errno):
		if code, ok := errnoHTTPCodes[errno]; ok {
			return code
		}
		return httptypes.ErrorCodeInternalError(abi.Option[string]{Value: errno.Error(), Some: true})
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return httptypes.ErrorCodeConnectionTerminated()
	case errors.Is(err, context.DeadlineExceeded):
		return httptypes.ErrorCodeHTTPResponseTimeout()
	}
	if code, ok := tlsCode(err); ok {
		return code
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return httptypes.ErrorCodeConnectionTimeout()
	}
	return httptypes.ErrorCodeHTTPProtocolError()
}

func dnsCode(err *net.DNSError) httptypes.ErrorCode {
	if err.IsTimeout {
		return httptypes.ErrorCodeDNSTimeout()
	}
	rcode := "SERVFAIL"
	if err.IsNotFound {
		rcode = "NXDOMAIN"
	}
	return httptypes.ErrorCodeDNSError(httptypes.DNSErrorPayload{Rcode: abi.Option[string]{Value: rcode, Some: true}})
}

func tlsCode(err error) (httptypes.ErrorCode, bool) {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		alert        tls.AlertError
		record       tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return httptypes.ErrorCodeTLSCertificateError(), true
	case errors.As(err, &alert):
		return httptypes.ErrorCodeTLSAlertReceived(httptypes.TLSAlertReceivedPayload{
			AlertID:      abi.Option[uint8]{Value: uint8(alert), Some: true},
			AlertMessage: abi.Option[string]{Value: strings.TrimPrefix(alert.Error(), "tls: "), Some: true},
		}), true
	case errors.As(err, &record):
		return httptypes.ErrorCodeTLSProtocolError(), true
	}
	return httptypes.ErrorCode{}, false
}

// bodySizeError is that of a body which is not as long as its content-length.
func bodySizeError(size uint64) *httpError {
	return &httpError{code: httptypes.ErrorCodeHTTPRequestBodySize(abi.Option[uint64]{Value: size, Some: true})}
}

// HTTPErrorCode tells the code of a stream's error when it came from HTTP.
func (httpHost) HTTPErrorCode(_ context.Context, err ioerror.Error) (abi.Option[httptypes.ErrorCode], error) {
	var known *httpError
	if e, ok := err.(*ioError); ok && errors.As(e.err, &known) {
		return abi.Option[httptypes.ErrorCode]{Value: known.code, Some: true}, nil
	}
	return abi.Option[httptypes.ErrorCode]{}, nil
}

// httpResult is the answer of a function of HTTP.
type httpResult[T any] = abi.Result[T, httptypes.ErrorCode]

func httpAnswer[T any](v T, err error) httpResult[T] {
	if err != nil {
		return httpResult[T]{Err: httpCode(err), IsErr: true}
	}
	return httpResult[T]{OK: v}
}
