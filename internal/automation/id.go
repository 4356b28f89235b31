package automation

import (
	"encoding/base32"

	"github.com/google/uuid"
)

// base32.HexEncoding's alphabet is in ASCII order, so the text sorts as the bytes do.
var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// NewID makes an id that sorts by time (UUIDv7) and says by its prefix what it points at: "rn_06g3…".
// It is the one impure function of this package; whoever needs ids is handed it.
func NewID(prefix string) string {
	id := uuid.Must(uuid.NewV7())
	return prefix + "_" + idEncoding.EncodeToString(id[:])
}
