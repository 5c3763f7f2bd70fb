package hostnet

// Transport says what a socket carries.
type Transport uint8

// The transports.
const (
	TCP Transport = iota
	UDP
)

// Family is a version of the Internet Protocol.
type Family uint8

// The families.
const (
	IPv4 Family = iota
	IPv6
)

// Direction is what [Socket.Pending] waits for, and what [Socket.Shutdown] ends.
type Direction uint8

// The directions.
const (
	In Direction = iota
	Out
)

// Option is a socket option whose value is a number.
type Option uint8

// The options. Times are in seconds, sizes in bytes; KeepAlive is 0 or 1.
const (
	KeepAlive Option = iota
	KeepAliveIdle
	KeepAliveInterval
	KeepAliveCount
	HopLimit
	ReceiveBuffer
	SendBuffer
)

// MaxDatagram is more bytes than any datagram carries.
const MaxDatagram = 65536
