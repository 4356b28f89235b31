package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
	"crosswalk/internal/vault"
)

// personCommand gives out, or forgets, all that is kept about one person.
func personCommand(ctx context.Context, c *call) error {
	yes := c.flags.Bool("yes", false, "erase, instead of saying what would be erased")
	if len(c.args) == 0 || c.args[0] != "export" && c.args[0] != "erase" {
		fmt.Fprintf(c.Err, "crosswalk %s: say export or erase, and whom, by name, email or id.\n", c.flags.Name())
		return errUsage
	}
	act := c.args[0]
	c.args = c.args[1:]
	var words []string
	for len(c.args) > 0 && !strings.HasPrefix(c.args[0], "-") {
		words, c.args = append(words, c.args[0]), c.args[1:]
	}
	q := strings.TrimSpace(strings.Join(words, " "))
	if q == "" {
		fmt.Fprintf(c.Err, "crosswalk %s: say whom, by name, email or id.\n", c.flags.Name())
		return errUsage
	}
	h, err := c.atHome(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	hits, err := h.store.FindRecords(ctx, q, whyHits)
	if err != nil {
		return err
	}
	switch {
	case len(hits) == 0:
		return fmt.Errorf("nothing is known of %q: no webhook, poll, run or plan has named it of late", q)
	case len(hits) > 1:
		for _, hit := range hits {
			fmt.Fprintf(c.Err, "  %s  %s  (%s)\n", hit.Record, hit.Title, stamped(hit.SeenAt))
		}
		return fmt.Errorf("%q is the name of %d records; say which one as it stands above", q, len(hits))
	}
	if act == "export" {
		return h.exportPerson(ctx, c, hits[0].Record)
	}
	return h.erasePerson(ctx, c, hits[0].Record, *yes)
}

func (h *house) exportPerson(ctx context.Context, c *call, ref record.Ref) error {
	search, keys, err := h.personSearch(c)
	if err != nil {
		return err
	}
	p, err := search.Data(ctx, ref)
	if err != nil {
		return err
	}
	if err := h.store.RecordAct(ctx, h.actOnRecord(ctx, ref, people.AuditExport, "json")); err != nil {
		return err
	}
	sayLeft(c, p.Beside, p.Sharing, p.Unreadable)
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(server.OpenPersonalData(p, keys))
}

func (h *house) erasePerson(ctx context.Context, c *call, ref record.Ref, yes bool) error {
	search, _, err := h.personSearch(c)
	if err != nil {
		return err
	}
	p, err := search.Data(ctx, ref)
	if err != nil {
		return err
	}
	for _, r := range p.Records {
		fmt.Fprintf(c.Out, "  %s\n", r)
	}
	if !yes {
		fmt.Fprintf(c.Out, "%d deliveries, %d runs, %d writes, %d questions and %d lines of plans about these, and what %d questions about others say of them, would be forgotten. Nothing was erased; --yes does it.\n",
			len(p.Deliveries), len(p.Runs), len(p.Changes), len(p.Reviews), len(p.Plans), len(p.Named))
		sayLeft(c, p.Beside, p.Sharing, p.Unreadable)
		return nil
	}
	erased, err := search.Erase(people.WithActs(ctx, h.actOnRecord(ctx, ref, people.AuditErase, "forgotten")), ref)
	if errors.Is(err, engine.ErrConflict) {
		return errors.New("one of these records is being worked on this very moment; try again")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Erased: %d deliveries, %d runs, %d writes, %d questions, %d lines of plans, and what %d questions about others said. The records in the accounts are untouched.\n",
		erased.Deliveries, erased.Runs, erased.Changes, erased.Reviews, erased.Plans, erased.Named)
	sayLeft(c, erased.Beside, erased.Sharing, erased.Unreadable)
	return nil
}

// toldEvery is after how many deliveries it is said how far the search is.
const toldEvery = 10_000

func (h *house) personSearch(c *call) (engine.PersonSearch, *vault.Vault, error) {
	keys, err := openVault(h.cfg)
	told := 0
	return engine.PersonSearch{
		Store: h.store,
		Open: func(event string, sealed []byte) ([]byte, error) {
			return keys.Open(sealed, automation.DeliveryPlace(event))
		},
		Progress: func(opened int) {
			if opened/toldEvery > told {
				told = opened / toldEvery
				fmt.Fprintf(c.Err, "%d deliveries opened …\n", opened)
			}
		},
	}, keys, err
}

// sayLeft tells what names the person and is left.
func sayLeft(c *call, beside []record.Ref, sharing []string, unreadable int) {
	if len(beside) > 0 {
		fmt.Fprintln(c.Err, "Deliveries about these other records name the person too, and are left to them:")
		for _, r := range beside {
			fmt.Fprintf(c.Err, "  %s\n", r)
		}
	}
	if len(sharing) > 0 {
		fmt.Fprintln(c.Err, "These deliveries have the person's phone number and name somebody else, who may share it, and are left:")
		for _, id := range sharing {
			fmt.Fprintf(c.Err, "  %s\n", id)
		}
	}
	if unreadable > 0 {
		fmt.Fprintf(c.Err, "%d deliveries open with none of the keys at hand, so nobody can tell whom they name.\n", unreadable)
	}
}

// actOnRecord is an act about a record, which belongs where its account does; the entry has its id and no name.
func (h *house) actOnRecord(ctx context.Context, ref record.Ref, kind people.AuditKind, after string) people.AuditEntry {
	workspace := ""
	if cn, err := h.store.Connection(ctx, ref.Connection); err == nil {
		workspace = cn.Workspace
	}
	return entry(workspace, kind, ref.String(), "personal data", "", after)
}
