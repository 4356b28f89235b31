package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const (
	version1   = 1
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
)

var (
	// ErrWrongKey means that the value was sealed with a key this program does not have.
	ErrWrongKey = errors.New("sealed with another key: give Crosswalk the key it was sealed with, or connect the account again")
	// ErrTampered means that the value, or the place it was read from, is not what it was when it was sealed.
	ErrTampered = errors.New("the sealed value was changed or does not belong here: restore it from a backup, or connect the account again")
)

// Vault seals with the newest key and opens with all of them. It is safe for concurrent use.
type Vault struct {
	newest [headerSize]byte
	aeads  map[[headerSize]byte]cipher.AEAD
}

// New takes the keys newest first. A key given twice counts once.
func New(keys ...Key) (*Vault, error) {
	if len(keys) == 0 {
		return nil, errors.New("a vault needs at least one key")
	}
	v := &Vault{aeads: make(map[[headerSize]byte]cipher.AEAD, len(keys))}
	for i, k := range keys {
		if len(k.bytes) != keySize {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(keys), ErrKeyFormat)
		}
		block, err := aes.NewCipher(k.bytes)
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
		h := headerOf(k)
		if i == 0 {
			v.newest = h
		}
		v.aeads[h] = aead
	}
	return v, nil
}

// headerOf recomputes the id from the key, because Key.ID is anybody's to set.
func headerOf(k Key) (h [headerSize]byte) {
	h[0] = version1
	id, _ := hex.DecodeString(idOf(k.bytes))
	copy(h[1:], id)
	return h
}

// Seal seals plain for one place, such as "connection/cn_1/grant"; only Open with the same aad opens it.
func (v *Vault) Seal(plain []byte, aad string) ([]byte, error) {
	out := make([]byte, headerSize, headerSize+overhead+len(plain))
	copy(out, v.newest[:])
	return v.aeads[v.newest].Seal(out, nil, plain, bind(v.newest, aad)), nil
}

// Open gives back what was sealed for this place, or ErrWrongKey or ErrTampered.
func (v *Vault) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < headerSize+overhead || sealed[0] != version1 {
		return nil, ErrTampered
	}
	h := [headerSize]byte(sealed[:headerSize])
	aead, ok := v.aeads[h]
	if !ok {
		return nil, fmt.Errorf("key %x: %w", h[1:], ErrWrongKey)
	}
	plain, err := aead.Open(nil, nil, sealed[headerSize:], bind(h, aad))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// NeedsReseal says that sealed was not sealed with the newest key. Whether it opens at all, only Open knows.
func (v *Vault) NeedsReseal(sealed []byte) bool { return !bytes.HasPrefix(sealed, v.newest[:]) }

// bind authenticates the header along with the place. The header's size is fixed, so the two cannot run together.
func bind(h [headerSize]byte, aad string) []byte { return append(h[:], aad...) }

// Format shows how many keys there are, whatever the verb: the ciphers inside hold the expanded keys.
func (v *Vault) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, fmt.Sprintf("vault with %d key(s)", len(v.aeads)))
}
