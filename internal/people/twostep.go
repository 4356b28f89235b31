package people

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/url"
	"strings"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// A code app and we share a secret; both make a code of six digits from it and the step of time (RFC 6238).
const (
	codeStep    = 30 * time.Second
	secretBytes = 20 // as RFC 4226 wants for SHA-1, the only hash every app knows
)

// Half a sign-in, and a secret that was shown and not confirmed, last this long.
const (
	CodeWithin   = 5 * time.Minute
	EnrollWithin = 15 * time.Minute
)

// RecoveryCodes is how many codes for a lost phone there are; each works once.
const RecoveryCodes = 10

// SecondFactor is what a person shows besides the password. It counts once it is confirmed.
type SecondFactor struct {
	UserID      string
	Sealed      []byte // the secret, for SecretPlace
	BegunAt     time.Time
	ConfirmedAt time.Time
	LastStep    int64 // the newest step of time whose code was taken
	CodesLeft   int   // recovery codes not used yet
}

// On reports that signing in needs a code.
func (f SecondFactor) On() bool { return !f.ConfirmedAt.IsZero() }

// SecretPlace is what a person's secret is sealed for.
func SecretPlace(userID string) string { return "user/" + userID + "/totp" }

var plainBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret makes a secret, in base32 as apps take it.
func NewSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails; the program ends instead
	return plainBase32.EncodeToString(b)
}

// SecretURL is what a code app reads from a picture.
func SecretURL(secret, email, site string) string {
	label := "Crosswalk (" + site + ")"
	q := url.Values{"secret": {secret}, "issuer": {label}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	// Apps read the label as a path: a plus sign would stay one.
	return "otpauth://totp/" + url.PathEscape(label+":"+email) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// QR draws a text as a picture to be photographed, in PNG.
func QR(text string) ([]byte, error) {
	const pixels, quiet = 4, 4 * 4 // the standard wants four modules of white around it
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, errors.New("draw a code: the text does not fit") // err may quote the secret
	}
	side := code.Bounds().Dx() * pixels
	scaled, err := barcode.Scale(code, side, side)
	if err != nil {
		return nil, fmt.Errorf("draw a code: %w", err)
	}
	picture := image.NewGray(image.Rect(0, 0, side+2*quiet, side+2*quiet))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(picture, image.Rect(quiet, quiet, quiet+side, quiet+side), scaled, scaled.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("draw a code: %w", err)
	}
	return out.Bytes(), nil
}

// StepOf finds the step of time whose code this is, newer than the one taken last. Clocks may be a step apart.
func StepOf(secret, code string, now time.Time, last int64) (int64, bool) {
	current := now.Unix() / int64(codeStep/time.Second)
	for step := max(last+1, current-1); step <= current+1; step++ {
		ok, err := hotp.ValidateCustom(code, uint64(step), secret, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && ok {
			return step, true
		}
	}
	return 0, false
}

// CleanCode is a code as it was meant: people group digits and letters, and take some letters for digits.
func CleanCode(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(strings.TrimSpace(code)))
}

// recoveryLetters leaves out those that are mistaken for others: i, l, o and u.
var recoveryLetters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRecoveryCodes makes codes for when the phone is lost.
func NewRecoveryCodes() []string {
	codes := make([]string, RecoveryCodes)
	for i := range codes {
		b := make([]byte, 10)
		_, _ = rand.Read(b) // never fails; the program ends instead
		c := recoveryLetters.EncodeToString(b)
		codes[i] = c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:]
	}
	return codes
}

// RecoveryHash is what is kept of a recovery code. Eighty random bits need no slow hash.
func RecoveryHash(userID, code string) []byte {
	sum := sha256.Sum256([]byte(userID + "\x00" + CleanCode(code)))
	return sum[:]
}

// RecoveryHashes is what is kept of several.
func RecoveryHashes(userID string, codes []string) [][]byte {
	out := make([][]byte, len(codes))
	for i, c := range codes {
		out[i] = RecoveryHash(userID, c)
	}
	return out
}
