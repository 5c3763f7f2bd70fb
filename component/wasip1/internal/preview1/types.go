package preview1

import "io/fs"

// rights are what a descriptor may be used for.
type rights uint64

const (
	rightFdDatasync rights = 1 << iota
	rightFdRead
	rightFdSeek
	rightFdFdstatSetFlags
	rightFdSync
	rightFdTell
	rightFdWrite
	rightFdAdvise
	rightFdAllocate
	rightPathCreateDirectory
	rightPathCreateFile
	rightPathLinkSource
	rightPathLinkTarget
	rightPathOpen
	rightFdReaddir
	rightPathReadlink
	rightPathRenameSource
	rightPathRenameTarget
	rightPathFilestatGet
	rightPathFilestatSetSize
	rightPathFilestatSetTimes
	rightFdFilestatGet
	rightFdFilestatSetSize
	rightFdFilestatSetTimes
	rightPathSymlink
	rightPathRemoveDirectory
	rightPathUnlinkFile
	rightPollFdReadwrite
	rightSockShutdown
	rightSockAccept
)

// The rights that fit each kind of file.
const (
	writeRights = rightFdWrite | rightFdAllocate | rightFdFilestatSetSize
	fileRights  = writeRights | rightFdDatasync | rightFdRead | rightFdSeek | rightFdFdstatSetFlags | rightFdSync | rightFdTell |
		rightFdAdvise | rightFdFilestatGet | rightFdFilestatSetTimes | rightPollFdReadwrite
	dirRights = rightFdFdstatSetFlags | rightFdSync | rightFdDatasync | rightPathCreateDirectory | rightPathCreateFile |
		rightPathLinkSource | rightPathLinkTarget | rightPathOpen | rightFdReaddir | rightPathReadlink |
		rightPathRenameSource | rightPathRenameTarget | rightPathFilestatGet | rightPathFilestatSetSize |
		rightPathFilestatSetTimes | rightFdFilestatGet | rightFdFilestatSetTimes | rightPathSymlink |
		rightPathRemoveDirectory | rightPathUnlinkFile
	streamRights = rightFdFdstatSetFlags | rightFdFilestatGet | rightFdSync | rightFdDatasync | rightPollFdReadwrite
)

// flags of a descriptor.
type fdFlags uint16

const (
	flagAppend fdFlags = 1 << iota
	flagDsync
	flagNonblock
	flagRsync
	flagSync

	syncFlags = flagDsync | flagRsync | flagSync
	allFlags  = flagAppend | flagNonblock | syncFlags
)

const lookupSymlinkFollow = 1

// How path_open opens.
const (
	openCreate = 1 << iota
	openDirectory
	openExclusive
	openTruncate

	allOpen = openCreate | openDirectory | openExclusive | openTruncate
)

// Which times are to change.
const (
	setAtim = 1 << iota
	setAtimNow
	setMtim
	setMtimNow

	allSet = setAtim | setAtimNow | setMtim | setMtimNow
)

type fileType uint8

const (
	typeUnknown fileType = iota
	typeBlockDevice
	typeCharacterDevice
	typeDirectory
	typeRegularFile
	typeSocketDgram
	typeSocketStream
	typeSymbolicLink
)

// fileTypeOf is the type in a file's mode. There is none for pipes.
func fileTypeOf(m fs.FileMode) fileType {
	switch {
	case m.IsRegular():
		return typeRegularFile
	case m.IsDir():
		return typeDirectory
	case m&fs.ModeSymlink != 0:
		return typeSymbolicLink
	case m&fs.ModeCharDevice != 0:
		return typeCharacterDevice
	case m&fs.ModeDevice != 0:
		return typeBlockDevice
	case m&fs.ModeSocket != 0:
		return typeSocketStream
	}
	return typeUnknown
}
