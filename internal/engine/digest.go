package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"crosswalk/internal/record"
)

// digest is the same for the same fields, whatever their order: a version for records that have none.
func digest(f record.Fields) string {
	keys := make([]string, 0, len(f))
	for k := range f {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	h := sha256.New()
	for _, k := range keys {
		h.Write([]byte(k))
		h.Write([]byte{0})
		h.Write([]byte(f[k].String()))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
