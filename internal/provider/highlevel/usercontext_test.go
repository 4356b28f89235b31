package highlevel

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
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
		"no user":                 seal("shared", `{"companyId":"5DP41231LkQsiKESj6rh","email":"jane@example.com"}`, salt),
		"an id that is a path":    seal("shared", strings.Replace(contextOfJane, "usr0123456789abcdefg", "../../etc/passwd", 1), salt),
		"no email":                seal("shared", strings.Replace(contextOfJane, "jane@example.com", "jane", 1), salt),
		"two users":               seal("shared", strings.Replace(contextOfJane, `"role"`, `"userId":"usrAAAAAAAAAAAAAAAA","role"`, 1), salt),
		"two users by case":       seal("shared", strings.Replace(contextOfJane, `"role"`, `"USERID":"usrAAAAAAAAAAAAAAAA","role"`, 1), salt),
		"two of what is not read": seal("shared", strings.Replace(contextOfJane, `"type"`, `"role":"user","type"`, 1), salt),
		"two objects":             seal("shared", contextOfJane+contextOfJane, salt), "something behind": seal("shared", contextOfJane+"x", salt),
		"not ended":             seal("shared", strings.TrimSuffix(contextOfJane, "}"), salt),
		"a user that is a list": seal("shared", strings.Replace(contextOfJane, `"usr0123456789abcdefg"`, `["usr0123456789abcdefg"]`, 1), salt),
		"half a sign":           seal("shared", strings.Replace(contextOfJane, "Jane Doe", `Jane \ud800`, 1), salt),
		"no UTF-8":              seal("shared", strings.Replace(contextOfJane, "Jane Doe", "Jane \xff", 1), salt),
		"a list":                seal("shared", "[1,2,3]", salt), "no JSON": seal("shared", "hello", salt), "huge": strings.Repeat("A", maxSealedContext+4),
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

// Who chooses their own name can make part of it a second "userId", by flipping bits in a block that garbles another: the
// garbled one happens to be text once in some thousand tries. These are two that were.
func TestNobodyBecomesSomebodyElseByFlippingBits(t *testing.T) {
	t.Parallel()
	const victim, fragment = "usr0123456789abcdefg", `\",\"userId\":\"`
	head := `{"userId":"attackerattackeratta","companyId":"5DP41231LkQsiKESj6rh","role":"user","type":"account","userName":"`
	head += strings.Repeat("x", (aes.BlockSize-len(head)%aes.BlockSize)%aes.BlockSize)
	plain := head + strings.Repeat("g", aes.BlockSize) + fragment + victim + `","email":"eve@example.com","activeLocation":"ve9EPM428h8vShlRW1KT"}`
	for salt, want := range map[uint64]string{10400: "\",\r  \t\"userId\":\"", 15674: "\",\n\n\n\t\"userId\":\""} {
		raw, err := base64.StdEncoding.DecodeString(seal("shared", plain, binary.BigEndian.AppendUint64(nil, salt)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range aes.BlockSize {
			raw[16+len(head)+i] ^= fragment[i] ^ want[i]
		}
		if got, err := OpenUserContext("shared", base64.StdEncoding.EncodeToString(raw)); err == nil || got.UserID == victim {
			t.Errorf("it is read as %+v", got)
		}
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
