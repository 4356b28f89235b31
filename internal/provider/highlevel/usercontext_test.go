package highlevel

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"strings"
	"testing"
)

// seal is CryptoJS's AES.encrypt.
func seal(secret, plain string, salt []byte) string {
	key, iv := keyFromPassphrase(secret, salt)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	n := aes.BlockSize - len(plain)%aes.BlockSize
	body := append([]byte(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(body, body)
	return base64.StdEncoding.EncodeToString(append(append([]byte("Salted__"), salt...), body...))
}

const contextOfJane = `{"userId":"usr0123456789abcdefg","companyId":"5DP41231LkQsiKESj6rh","role":"admin","type":"location","userName":"Jane Doe","email":"jane@example.com","activeLocation":"ve9EPM428h8vShlRW1KT"}`

// What `openssl enc -aes-256-cbc -md md5 -a -salt -pass pass:secret` and CryptoJS agree on.
func TestTheKeyIsOpenSSLs(t *testing.T) {
	t.Parallel()
	key, iv := keyFromPassphrase("secret", []byte("\x01\x02\x03\x04\x05\x06\x07\x08"))
	if got := base64.StdEncoding.EncodeToString(append(key, iv...)); got != opensslKey {
		t.Errorf("key and block are %s, want %s", got, opensslKey)
	}
}

func TestAUserContextIsReadOnlyWhole(t *testing.T) {
	t.Parallel()
	salt := []byte("saltsalt")
	good := seal("shared", contextOfJane, salt)
	got, err := OpenUserContext("shared", good)
	if err != nil || got.UserID != "usr0123456789abcdefg" || got.CompanyID != "5DP41231LkQsiKESj6rh" || got.LocationID != "ve9EPM428h8vShlRW1KT" || got.Email != "jane@example.com" || got.Name != "Jane Doe" || !bytes.Equal(got.Salt, salt) {
		t.Fatalf("%+v, %v", got, err)
	}
	raw, _ := base64.StdEncoding.DecodeString(good)
	tampered := func(i int) string {
		b := bytes.Clone(raw)
		b[i] ^= 1
		return base64.StdEncoding.EncodeToString(b)
	}
	for name, sealed := range map[string]string{
		"empty": "", "not base64": "%%%", "short": "U2FsdGVkX18=", "without the mark": base64.StdEncoding.EncodeToString(raw[8:]),
		"another secret": seal("other", contextOfJane, salt), "another salt": tampered(9), "cut": good[:len(good)-24],
		"a flipped bit in the user's id": tampered(16 + 11), "padding broken": tampered(len(raw) - 1),
		"no user":              seal("shared", `{"companyId":"5DP41231LkQsiKESj6rh","email":"jane@example.com"}`, salt),
		"an id that is a path": seal("shared", strings.Replace(contextOfJane, "usr0123456789abcdefg", "../../etc/passwd", 1), salt),
		"no email":             seal("shared", strings.Replace(contextOfJane, "jane@example.com", "jane", 1), salt),
		"a list":               seal("shared", "[1,2,3]", salt), "no JSON": seal("shared", "hello", salt), "huge": strings.Repeat("A", maxSealedContext+4),
	} {
		if got, err := OpenUserContext("shared", sealed); err == nil {
			t.Errorf("%s: %+v", name, got)
		} else if err.Error() != errContext.Error() {
			t.Errorf("%s: tells %v", name, err)
		}
	}
	if _, err := OpenUserContext("", seal("", contextOfJane, salt)); err == nil {
		t.Error("an app without a shared secret opens it")
	}
}

func FuzzNoUserContextPanics(f *testing.F) {
	f.Add(seal("shared", contextOfJane, []byte("saltsalt")))
	f.Add("U2FsdGVkX18BAgMEBQYHCA==")
	f.Fuzz(func(t *testing.T, sealed string) {
		if got, err := OpenUserContext("shared", sealed); err == nil && !contextID.MatchString(got.UserID) {
			t.Errorf("%q opens as %+v", sealed, got)
		}
	})
}

// opensslKey is what openssl derives from "secret" and the salt 0102030405060708.
const opensslKey = "yeWhvSFtvhMX4jDO9I847n8OF61kAiFEvM7EoaooeaviSzK7vE7wLsvLZXZSOtiT"
