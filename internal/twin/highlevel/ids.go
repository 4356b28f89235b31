package highlevel

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

const base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func derived(seed uint64, kind string, n uint64) [32]byte {
	in := make([]byte, 0, 16+len(kind))
	in = binary.BigEndian.AppendUint64(in, seed)
	in = binary.BigEndian.AppendUint64(in, n)
	return sha256.Sum256(append(in, kind...))
}

// derivedID makes a 20-character Firestore-style id, the usual shape of a
// contact, location, user, note, task or tag id: reference §1.
func derivedID(seed uint64, kind string, n uint64) string {
	sum := derived(seed, kind, n)
	out := make([]byte, 20)
	for i := range out {
		out[i] = base62[int(sum[i])%len(base62)]
	}
	return string(out)
}

// derivedHex makes a 24-digit Mongo-style id, as businesses and plans have:
// reference §1.
func derivedHex(seed uint64, kind string, n uint64) string {
	sum := derived(seed, kind, n)
	return hex.EncodeToString(sum[:12])
}

func derivedUUID(seed uint64, kind string, n uint64) string {
	sum := derived(seed, kind, n)
	return uuidOf(sum[:16])
}

func uuidOf(b []byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// newID numbers a new entity. The counter is part of the state, so that a
// restarted twin never gives an id twice.
func (t *Twin) newID(kind string) string {
	t.db.seq++
	return derivedID(t.cfg.Seed, kind, t.db.seq)
}

func (t *Twin) newHexID(kind string) string {
	t.db.seq++
	return derivedHex(t.cfg.Seed, kind, t.db.seq)
}

// randomToken makes an OAuth code or token: unlike ids, these are not
// derived from the seed, since two twins must not accept each other's.
func randomToken(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // crypto/rand never fails on a supported system
	return hex.EncodeToString(b)
}

func (t *Twin) traceID() string { return derivedUUID(t.cfg.Seed, "trace", t.traces.Add(1)) }
