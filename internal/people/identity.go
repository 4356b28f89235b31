package people

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"
)

// Identity is who somebody is at a provider.
type Identity struct {
	Provider    string
	CompanyID   string
	UserID      string // there
	Name, Email string // as the provider tells; for reading only
	LinkedAt    time.Time
}

// OfferFor is how long the code of an identity may be typed in.
const OfferFor = 10 * time.Minute

// offerSigns are those nobody mistakes for another.
const offerSigns = "ABCDEFGHJKMNPQRSTVWXYZ23456789"

// NewOfferCode is a code a person reads on one page and types into another: "ABCD-EFGH", some 39 bits.
func NewOfferCode() string {
	var b strings.Builder
	buf := make([]byte, 1)
	for n := 0; n < 8; {
		_, _ = rand.Read(buf) // never fails; the program ends instead
		if int(buf[0]) >= 256-256%len(offerSigns) {
			continue
		}
		if n == 4 {
			b.WriteByte('-')
		}
		b.WriteByte(offerSigns[int(buf[0])%len(offerSigns)])
		n++
	}
	return b.String()
}

// HashOfferCode is what is kept of a code. Case, and what people put between the letters, do not matter.
func HashOfferCode(code string) []byte {
	bare := strings.Map(func(r rune) rune {
		if strings.ContainsRune(offerSigns, r) {
			return r
		}
		return -1
	}, strings.ToUpper(code))
	h := sha256.Sum256([]byte("offer\x00" + bare))
	return h[:]
}
