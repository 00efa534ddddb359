package service

// Kind is what the value of a keyword must be.
type Kind uint8

const (
	kindText Kind = iota
	kindCommand
	kindBool
	kindDuration
	kindSize
	kindInt
	kindOctal
	kindWord
	kindWords
	kindShellWords
	kindEnum
	kindPath
	kindPaths
	kindAccount
	kindSignal
	kindRequires
	kindRetCodes
	kindTimezone
	kindMoment
	kindShell
	kindIOClass
	kindOverlap
	kindRetryOn
	kindLocks
	kindEnvironment
	kindFileVars
	kindLog
	kindLimit
	kindLimitTime
	kindSchedule
	kindEvents
	kindURL
	kindAddresses
	kindServer
	kindQuiet
)

// String names the kind for people: "boolean", "duration".
func (k Kind) String() string {
	names := [...]string{
		kindText: "text", kindCommand: "command", kindBool: "boolean", kindDuration: "duration", kindSize: "size",
		kindInt: "integer", kindOctal: "octal", kindWord: "word", kindWords: "words", kindShellWords: "words of a command", kindEnum: "one of", kindPath: "path",
		kindPaths: "paths", kindAccount: "user or group", kindSignal: "signal", kindRequires: "requirements",
		kindRetCodes: "code:state words", kindTimezone: "time zone", kindMoment: "moment", kindShell: "shell",
		kindIOClass: "I/O class", kindOverlap: "overlap", kindRetryOn: "words or codes", kindLocks: "locks",
		kindEnvironment: "NAME=value words", kindFileVars: "NAME=file words", kindLog: "log", kindLimit: "limit",
		kindLimitTime: "limit in time", kindSchedule: "schedule",
		kindEvents: "events", kindURL: "URL", kindAddresses: "mail addresses", kindServer: "host:port", kindQuiet: "ranges of time",
	}
	return names[k]
}

// MarshalText gives a kind its name in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
