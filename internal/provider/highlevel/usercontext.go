package highlevel

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" // #nosec G501 -- the sender's choice: reference/highlevel.md §8.1
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"
)

// UserContext is who uses a page of ours inside HighLevel, as the app's shared secret vouches: reference/highlevel.md §8.1.
type UserContext struct {
	UserID, CompanyID string
	LocationID        string // of the location the page is open in; empty when it is open for the agency
	Name, Email       string
	// Salt is the random part of the sealed text. It cannot be changed without making the rest unreadable, so it tells
	// whether the same one comes again: the text itself carries no time, and is not authenticated.
	Salt []byte
}

const (
	maxSealedContext = 8 << 10
	saltedMark       = "Salted__"
	saltBytes        = 8
)

var (
	errContext = errors.New("highlevel: the user context cannot be read")
	contextID  = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)
)

// OpenUserContext reads what HighLevel's page hands to ours: CryptoJS's AES with a passphrase, which is OpenSSL's format.
// It fails closed and always with the same words, and tells nothing of where reading failed.
func OpenUserContext(sharedSecret, sealed string) (UserContext, error) {
	if sharedSecret == "" || len(sealed) > maxSealedContext {
		return UserContext{}, errContext
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(sealed))
	if err != nil || len(raw) < len(saltedMark)+saltBytes+aes.BlockSize || string(raw[:len(saltedMark)]) != saltedMark {
		return UserContext{}, errContext
	}
	salt, body := raw[len(saltedMark):len(saltedMark)+saltBytes], raw[len(saltedMark)+saltBytes:]
	if len(body)%aes.BlockSize != 0 {
		return UserContext{}, errContext
	}
	key, iv := keyFromPassphrase(sharedSecret, salt)
	block, err := aes.NewCipher(key)
	if err != nil {
		return UserContext{}, errContext
	}
	plain := make([]byte, len(body))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, body)
	plain, ok := unpad(plain)
	if !ok || !utf8.Valid(plain) {
		return UserContext{}, errContext
	}
	in, ok := readContext(plain)
	if !ok {
		return UserContext{}, errContext
	}
	// Flipped bits garble the block beside the one they change: every field that decides anything must look as it should.
	if _, err := mail.ParseAddress(in.Email); err != nil || !contextID.MatchString(in.UserID) || !contextID.MatchString(in.CompanyID) ||
		in.ActiveLocation != "" && !contextID.MatchString(in.ActiveLocation) || utf8.RuneCountInString(in.UserName) > 200 {
		return UserContext{}, errContext
	}
	return UserContext{UserID: in.UserID, CompanyID: in.CompanyID, LocationID: in.ActiveLocation, Name: strings.TrimSpace(in.UserName), Email: in.Email, Salt: salt}, nil
}

// contextFields are what a user context tells that matters here.
type contextFields struct{ UserID, CompanyID, UserName, Email, ActiveLocation string }

// readContext reads exactly one object whose names are all different. Nothing authenticates the sealed text: who chooses
// their own name inside HighLevel can, by flipping bits in it, turn part of the name into a second "userId". Of two, most
// readers take the last. Names that differ in case only count as the same.
func readContext(plain []byte) (in contextFields, ok bool) {
	d := json.NewDecoder(bytes.NewReader(plain))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return in, false
	}
	fields := map[string]*string{
		"userId": &in.UserID, "companyId": &in.CompanyID, "userName": &in.UserName, "email": &in.Email, "activeLocation": &in.ActiveLocation,
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, isName := t.(string)
		if err != nil || !isName || seen[strings.ToLower(name)] {
			return in, false
		}
		seen[strings.ToLower(name)] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return in, false
		}
		// What stands for a sign that was none is a sign of a garbled block.
		if field := fields[name]; field != nil && (json.Unmarshal(value, field) != nil || strings.ContainsRune(*field, utf8.RuneError)) {
			return in, false
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return in, false
	}
	_, err := d.Token()
	return in, errors.Is(err, io.EOF)
}

// keyFromPassphrase is OpenSSL's EVP_BytesToKey with MD5 and one round: 32 bytes of key, then 16 of the first block.
func keyFromPassphrase(passphrase string, salt []byte) (key, iv []byte) {
	var out, last []byte
	for len(out) < 32+aes.BlockSize {
		h := md5.New() // #nosec G401 -- as above
		h.Write(last)
		h.Write([]byte(passphrase))
		h.Write(salt)
		last = h.Sum(nil)
		out = append(out, last...)
	}
	return out[:32], out[32 : 32+aes.BlockSize]
}

// unpad takes PKCS#7's padding off.
func unpad(b []byte) ([]byte, bool) {
	if len(b) == 0 {
		return nil, false
	}
	n := int(b[len(b)-1])
	if n == 0 || n > aes.BlockSize || n > len(b) {
		return nil, false
	}
	for _, x := range b[len(b)-n:] {
		if int(x) != n {
			return nil, false
		}
	}
	return b[:len(b)-n], true
}
