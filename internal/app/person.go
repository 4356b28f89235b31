package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"crosswalk/internal/engine"
	"crosswalk/internal/people"
	"crosswalk/internal/record"
	"crosswalk/internal/server"
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
			fmt.Fprintf(c.Err, "  %s  %s  (%s)\n", hit.Record, hit.Title, hit.SeenAt.Format("2006-01-02 15:04:05"))
		}
		return fmt.Errorf("%q is the name of %d records; say which one as it stands above", q, len(hits))
	}
	if act == "export" {
		return h.exportPerson(ctx, c, hits[0].Record)
	}
	return h.erasePerson(ctx, c, hits[0].Record, *yes)
}

func (h *house) exportPerson(ctx context.Context, c *call, ref record.Ref) error {
	p, err := h.store.PersonalData(ctx, ref)
	if err != nil {
		return err
	}
	if err := h.noteOfRecord(ctx, ref, people.AuditExport, "json"); err != nil {
		return err
	}
	keys, err := openVault(h.cfg)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(server.OpenPersonalData(p, keys))
}

func (h *house) erasePerson(ctx context.Context, c *call, ref record.Ref, yes bool) error {
	p, err := h.store.PersonalData(ctx, ref)
	if err != nil {
		return err
	}
	for _, r := range p.Records {
		fmt.Fprintf(c.Out, "  %s\n", r)
	}
	if !yes {
		fmt.Fprintf(c.Out, "%d deliveries, %d runs, %d writes, %d questions and %d lines of plans about these would be forgotten. Nothing was erased; --yes does it.\n",
			len(p.Deliveries), len(p.Runs), len(p.Changes), len(p.Reviews), len(p.Plans))
		return nil
	}
	erased, err := h.store.ErasePersonalData(ctx, ref)
	if errors.Is(err, engine.ErrConflict) {
		return errors.New("one of these records is being worked on this very moment; try again")
	}
	if err != nil {
		return err
	}
	if err := h.noteOfRecord(ctx, ref, people.AuditErase, fmt.Sprintf("%d things forgotten", erased.Total())); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Erased: %d deliveries, %d runs, %d writes, %d questions, %d lines of plans. The records in the accounts are untouched.\n",
		erased.Deliveries, erased.Runs, erased.Changes, erased.Reviews, erased.Plans)
	return nil
}

// noteOfRecord writes an act about a record down where its account belongs; the entry has its id and no name.
func (h *house) noteOfRecord(ctx context.Context, ref record.Ref, kind people.AuditKind, after string) error {
	workspace := ""
	if cn, err := h.store.Connection(ctx, ref.Connection); err == nil {
		workspace = cn.Workspace
	}
	return h.note(ctx, workspace, kind, ref.String(), "personal data", after)
}
