package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crosswalk/internal/people"
	"crosswalk/internal/store"
	"crosswalk/internal/vault"
)

// settingNewestKey is the id of the key that the process which started last seals with.
const settingNewestKey = "vault/newest"

// secretsCommand tells which keys the stored secrets are sealed with, or seals them all with the newest.
func secretsCommand(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "one JSON object")
	words, err := c.positional("status or rotate")
	if err != nil {
		return err
	}
	if words[0] != "status" && words[0] != "rotate" {
		fmt.Fprintf(c.Err, "crosswalk %s: say status or rotate.\n", c.flags.Name())
		return errUsage
	}
	cfg, err := c.settings(nil)
	if err != nil {
		return err
	}
	keys, err := openVault(cfg)
	if err != nil {
		return err
	}
	st, err := openStore(ctx, cfg, logger(cfg, c))
	if err != nil {
		return err
	}
	defer st.Close()
	report := secretsReport{Newest: keys.Newest()}
	if words[0] == "rotate" {
		if err := servedWith(ctx, st, keys); err != nil {
			return err
		}
		if err := rotateRecorded(ctx, st, keys, &report); err != nil {
			return err
		}
	}
	if err := count(ctx, st, keys, &report); err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(c.Out).Encode(report)
	} else {
		report.print(c, words[0] == "rotate")
	}
	if err == nil && report.Unopened > 0 {
		err = fmt.Errorf("%d secret(s) open with none of the keys at hand: give their key in CROSSWALK_OLD_KEYS, or connect those accounts again", report.Unopened)
	}
	return err
}

// servedWith refuses to seal with a key that the server that was started last does not seal with itself: it could
// not open what it finds.
func servedWith(ctx context.Context, st *store.Store, keys *vault.Vault) error {
	id, known, err := st.Setting(ctx, settingNewestKey)
	if err != nil || !known || string(id) == keys.Newest() {
		return err
	}
	return fmt.Errorf("the server that was started last seals with key %s, and the newest key here is %s: restart every server and worker with the new key first, and the old one in CROSSWALK_OLD_KEYS", id, keys.Newest())
}

type secretsReport struct {
	Newest   string        `json:"newest"`
	Resealed int           `json:"resealed"`
	Unopened int           `json:"unopened"`
	Keys     []sealedByKey `json:"keys"`
}

type sealedByKey struct {
	Key   string `json:"key"`
	Known bool   `json:"known"`
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// rotateRecorded writes down that it begins before anything is touched, since it may be interrupted, and what it came to.
func rotateRecorded(ctx context.Context, st *store.Store, keys *vault.Vault, report *secretsReport) error {
	var before secretsReport
	if err := count(ctx, st, keys, &before); err != nil {
		return err
	}
	record := func(after string) error {
		return st.RecordAct(ctx, entry("", people.AuditSecrets, keys.Newest(), "stored secrets", before.gist(), after))
	}
	if err := record("begun, with key " + keys.Newest()); err != nil {
		return err
	}
	if err := rotate(ctx, st, keys, report); err != nil {
		return err
	}
	return record(fmt.Sprintf("%d sealed anew with key %s", report.Resealed, keys.Newest()))
}

// gist counts by the id of the key, which is no secret.
func (r secretsReport) gist() string {
	counts := map[string]int{}
	for _, k := range r.Keys {
		counts[k.Key] += k.Count
	}
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d by key %s", counts[id], id))
	}
	return strings.Join(parts, ", ")
}

// rotate seals again what the newest key did not seal. Each value is replaced by itself, if it is still the one that
// was read: so it can be interrupted and begun again, and a token renewed meanwhile is not overwritten by an old one.
func rotate(ctx context.Context, st *store.Store, keys *vault.Vault, report *secretsReport) error {
	return st.EachSealed(ctx, func(x store.Sealed) error {
		if !keys.NeedsReseal(x.Value) {
			return nil
		}
		plain, err := keys.Open(x.Value, x.Place)
		if errors.Is(err, vault.ErrWrongKey) || errors.Is(err, vault.ErrTampered) {
			return nil // counted below
		}
		if err != nil {
			return err
		}
		sealed, err := keys.Seal(plain, x.Place)
		if err != nil {
			return err
		}
		replaced, err := st.Reseal(ctx, x, sealed)
		if replaced {
			report.Resealed++
		}
		return err
	})
}

func count(ctx context.Context, st *store.Store, keys *vault.Vault, report *secretsReport) error {
	counts := map[sealedByKey]int{}
	err := st.EachSealed(ctx, func(x store.Sealed) error {
		id := vault.KeyOf(x.Value)
		if id == "" && x.Table == "deliveries" {
			return nil // a body that was emptied, or stored before bodies were sealed
		}
		if _, err := keys.Open(x.Value, x.Place); err != nil {
			report.Unopened++
		}
		counts[sealedByKey{Key: id, Known: keys.Has(id), Kind: x.Kind}]++
		return nil
	})
	report.Keys = []sealedByKey{}
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b sealedByKey) int {
		return slices.Compare([]string{a.Key, a.Kind}, []string{b.Key, b.Kind})
	}) {
		n := counts[k]
		k.Count = n
		report.Keys = append(report.Keys, k)
	}
	return err
}

func (r secretsReport) print(c *call, rotated bool) {
	if rotated {
		fmt.Fprintf(c.Out, "%d secret(s) sealed anew.\n", r.Resealed)
	}
	fmt.Fprintf(c.Out, "The newest key is %s.\n", r.Newest)
	for _, k := range r.Keys {
		which := "old"
		switch {
		case k.Key == r.Newest:
			which = "newest"
		case !k.Known:
			which = "NOT AT HAND"
		}
		fmt.Fprintf(c.Out, "  key %-16s %-11s  %-25s %d\n", k.Key, which, k.Kind, k.Count)
	}
	if len(r.Keys) == 0 {
		fmt.Fprintln(c.Out, "Nothing is sealed yet.")
	}
}
