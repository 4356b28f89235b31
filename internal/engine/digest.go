package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"crosswalk/internal/automation"
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

// Fingerprint is the same for two plans that would write the same over the same: what was shown may be carried out as
// long as it has not changed.
func Fingerprint(p automation.Plan) string {
	h := sha256.New()
	put := func(words ...string) {
		for _, w := range words {
			h.Write([]byte(w))
			h.Write([]byte{0})
		}
	}
	put(string(p.Outcome), p.Target.String(), p.Parent.String())
	for _, f := range p.Fields {
		if f.Action == automation.Set || f.Action == automation.AddTo {
			put(string(f.Side), f.Field, string(f.Action), f.Before.String(), f.After.String())
			put(f.Add...)
			put("-")
			put(f.Remove...)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
