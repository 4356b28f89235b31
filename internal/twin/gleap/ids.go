package gleap

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

func derived(seed uint64, kind string, n uint64) [32]byte {
	in := make([]byte, 0, 16+len(kind))
	in = binary.BigEndian.AppendUint64(in, seed)
	in = binary.BigEndian.AppendUint64(in, n)
	return sha256.Sum256(append(in, kind...))
}

func derivedHex(seed uint64, kind string, n uint64, bytes int) string {
	sum := derived(seed, kind, n)
	return hex.EncodeToString(sum[:bytes])
}

// derivedID makes a Mongo ObjectId, the shape of every id: reference §2.
func derivedID(seed uint64, kind string, n uint64) string { return derivedHex(seed, kind, n, 12) }

func derivedUUID(seed uint64, kind string, n uint64) string {
	b := derived(seed, kind, n)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// derivedKey makes a project API key: a JWT whose payload tells the project
// (§3.1). The claim's name is our reading.
func derivedKey(seed uint64, project string) string {
	enc := base64.RawURLEncoding
	payload, err := json.Marshal(map[string]any{
		"id": derivedID(seed, "user", 0), "project": project, "type": "service_account", "iat": 1735689600,
	})
	if err != nil { // strings and a number always encode
		return ""
	}
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(payload)
	key := derived(seed, "api key", 0)
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(signed))
	return signed + "." + enc.EncodeToString(mac.Sum(nil))
}

// newID numbers a new document. The counter is part of the state, so that a
// restarted twin never gives an id twice.
func (t *Twin) newID(kind string) string {
	t.db.seq++
	return derivedID(t.cfg.Seed, kind, t.db.seq)
}

// randomToken makes an OAuth code or token: unlike ids, these are not derived
// from the seed, since two twins must not accept each other's.
func randomToken(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // crypto/rand never fails on a supported system
	return hex.EncodeToString(b)
}

// isObjectID tells whether Mongo would take a string for an id.
func isObjectID(s string) bool {
	if len(s) != 24 {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}
