package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	version1   = 1 // sealed with the key itself; only opened any more
	version2   = 2 // sealed with a data key, which is wrapped with the key
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
	wrapped    = keySize + overhead
)

var (
	// ErrWrongKey means that the value was sealed with a key this program does not have.
	ErrWrongKey = errors.New("sealed with another key: give Crosswalk the key it was sealed with, or connect the account again")
	// ErrTampered means that the value, or the place it was read from, is not what it was when it was sealed.
	ErrTampered = errors.New("the sealed value was changed or does not belong here: restore it from a backup, or connect the account again")
)

// keyID is the id of a key as sealed values carry it.
type keyID [idSize]byte

// Vault seals with the newest key and opens with all of them. It is safe for concurrent use.
type Vault struct {
	newest keyID
	aeads  map[keyID]cipher.AEAD
	hashes []byte // the key that hashes, made of the newest
}

// New takes the keys newest first. A key given twice counts once.
func New(keys ...Key) (*Vault, error) {
	if len(keys) == 0 {
		return nil, errors.New("a vault needs at least one key")
	}
	v := &Vault{aeads: make(map[keyID]cipher.AEAD, len(keys))}
	for i, k := range keys {
		aead, err := aeadOf(k.bytes)
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
		id := keyIDOf(k)
		if i == 0 {
			v.newest, v.hashes = id, hashKey(k)
		}
		v.aeads[id] = aead
	}
	return v, nil
}

func aeadOf(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, ErrKeyFormat
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// keyIDOf recomputes the id from the key, because Key.ID is anybody's to set.
func keyIDOf(k Key) (id keyID) {
	b, _ := hex.DecodeString(idOf(k.bytes))
	copy(id[:], b)
	return id
}

func header(version byte, id keyID) (h [headerSize]byte) {
	h[0] = version
	copy(h[1:], id[:])
	return h
}

// Seal seals plain for one place, such as "connection/cn_1/grant"; only Open with the same aad opens it. Each value
// has a data key of its own, so that no key ever seals much.
func (v *Vault) Seal(plain []byte, aad string) ([]byte, error) {
	data := make([]byte, keySize)
	_, _ = rand.Read(data) // never fails: it ends the program instead
	aead, err := aeadOf(data)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	h := header(version2, v.newest)
	out := make([]byte, headerSize, headerSize+wrapped+overhead+len(plain))
	copy(out, h[:])
	out = v.aeads[v.newest].Seal(out, nil, data, bind(h, aad)) // #nosec G407 -- the cipher makes its own random nonce
	return aead.Seal(out, nil, plain, bind(h, aad)), nil       // #nosec G407 -- the cipher makes its own random nonce
}

// Hash is the same for the same words while the newest key stays: who does not have the key can neither make it nor try
// words out. Hashes of different uses have nothing in common.
func (v *Vault) Hash(use, words string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, v.hashes)
	_, _ = io.WriteString(h, use+"\x00"+words) // a hash takes everything
	h.Sum(sum[:0])
	return sum
}

// hashKey is made of a key, so that what hashes is not what seals.
func hashKey(k Key) []byte {
	h := hmac.New(sha256.New, k.bytes)
	_, _ = io.WriteString(h, "crosswalk hashes")
	return h.Sum(nil)
}

// Open gives back what was sealed for this place, or ErrWrongKey or ErrTampered.
func (v *Vault) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < headerSize+overhead || sealed[0] != version1 && sealed[0] != version2 {
		return nil, ErrTampered
	}
	h := [headerSize]byte(sealed[:headerSize])
	aead, ok := v.aeads[keyID(h[1:])]
	if !ok {
		return nil, fmt.Errorf("key %x: %w", h[1:], ErrWrongKey)
	}
	body := sealed[headerSize:]
	if h[0] == version2 {
		if len(body) < wrapped+overhead {
			return nil, ErrTampered
		}
		data, err := aead.Open(nil, nil, body[:wrapped], bind(h, aad))
		if err != nil {
			return nil, ErrTampered
		}
		if aead, err = aeadOf(data); err != nil {
			return nil, ErrTampered
		}
		body = body[wrapped:]
	}
	plain, err := aead.Open(nil, nil, body, bind(h, aad))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// NeedsReseal says that sealed was not sealed with the newest key, or in an older way. Whether it opens at all, only
// Open knows.
func (v *Vault) NeedsReseal(sealed []byte) bool {
	h := header(version2, v.newest)
	return !bytes.HasPrefix(sealed, h[:])
}

// Newest is the id of the key that seals.
func (v *Vault) Newest() string { return hex.EncodeToString(v.newest[:]) }

// Has reports whether the key of that id is at hand.
func (v *Vault) Has(id string) bool {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != idSize {
		return false
	}
	_, ok := v.aeads[keyID(b)]
	return ok
}

// KeyOf is the id of the key a value says it was sealed with; empty when it is no sealed value.
func KeyOf(sealed []byte) string {
	if len(sealed) < headerSize+overhead || sealed[0] != version1 && sealed[0] != version2 {
		return ""
	}
	return hex.EncodeToString(sealed[1:headerSize])
}

// bind authenticates the header along with the place. The header's size is fixed, so the two cannot run together.
func bind(h [headerSize]byte, aad string) []byte { return append(slices.Clone(h[:]), aad...) }

// Format shows how many keys there are, whatever the verb: the ciphers inside hold the expanded keys.
func (v *Vault) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, fmt.Sprintf("vault with %d key(s)", len(v.aeads)))
}
