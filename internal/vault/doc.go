// Package vault seals secrets at rest, so that a copy of the database alone opens nothing. It is AES-256-GCM with
// a random nonce; what is sealed is bound to the place it belongs to, so a sealed grant moved to another row does
// not open there. It never logs, and its errors never carry what was sealed or a key.
//
// A sealed value is an envelope: 1 byte version, 8 bytes key id, the value's own data key wrapped with that key (12
// bytes nonce, 32 bytes, 16 bytes tag), 12 bytes nonce, ciphertext, 16 bytes tag. The version and the key id are
// authenticated too. Version 1, which had no data key, is still opened.
package vault
