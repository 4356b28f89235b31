package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const maxKeyFile = 4096

// LoadOrCreateKey is LoadOrCreateKeys for callers that want the newest.
func LoadOrCreateKey(path string) (Key, error) {
	keys, err := LoadOrCreateKeys(path)
	if err != nil {
		return Key{}, err
	}
	return keys[0], nil
}

// LoadOrCreateKeys reads the keys kept at path, newest first, or makes one and keeps it there. It never replaces a
// file that is there, however unreadable: with the keys gone, all that was sealed is gone.
func LoadOrCreateKeys(path string) ([]Key, error) {
	keys, err := loadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := createKey(path, randomKey()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot keep a new key in %s: %w", path, err)
	}
	return loadKeys(path) // what is on disk counts: another process may have been first
}

func loadKeys(path string) ([]Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read the key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the key file %s is not a file", path)
	}
	// Windows has no such bits: every file there reads as 0666.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("the key file %s is open to other users (mode %04o); close it with: chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the key file: %w", err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("the key file %s is empty: restore it from a backup; delete it only if nothing was sealed with it yet", path)
	}
	keys, err := ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("the key file %s holds no key: %w", path, err)
	}
	return keys, nil
}

// createKey writes the whole key beside path and links it into place: nobody ever sees half a key, and unlike a
// rename a link fails when path has come to exist meanwhile.
func createKey(path string, k Key) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".key-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(k.encode() + "\n")
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut, before anything is sealed with the key.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be flushed there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
