// Package migrations holds the schema of both databases as numbered SQL files, forward only. Both say the same:
// instants are microseconds since 1970 (0: never) and documents are JSON in text, so that rows read alike whatever
// the driver, and a provider's NUL or odd key order cannot upset a stricter JSON type.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// FS holds the migrations of one dialect, "sqlite" or "postgres".
func FS(dialect string) (fs.FS, error) { return fs.Sub(files, dialect) }
