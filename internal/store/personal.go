package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var _ engine.Privacy = (*Store)(nil)

const (
	// personDeep bounds how often counterparts and children are followed: a contact, its counterpart, their tickets and
	// tasks, the notes of those, and once more for good measure.
	personDeep = 5
	// personMost bounds the records one person may have.
	personMost = 5000
	// personChunk keeps statements below both databases' limits of parameters.
	personChunk = 200
)

// person is a record with everything that is the same person's: counterparts, and what lives under any of them.
func (s *Store) person(ctx context.Context, ref record.Ref) ([]record.Ref, []automation.Link, error) {
	all, news := []record.Ref{ref}, []record.Ref{ref}
	known := map[record.Ref]bool{ref: true}
	links := map[string]automation.Link{}
	for range personDeep {
		var next []record.Ref
		meet := func(r record.Ref) {
			if !r.IsZero() && !known[r] {
				known[r] = true
				next = append(next, r)
			}
		}
		for chunk := range slices.Chunk(news, personChunk) {
			found, err := s.linksAt(ctx, chunk)
			if err != nil {
				return nil, nil, err
			}
			for _, l := range found {
				links[l.ID] = l
				meet(l.Source)
				meet(l.Target)
			}
			children, err := s.childrenOf(ctx, chunk)
			if err != nil {
				return nil, nil, err
			}
			for _, r := range children {
				meet(r)
			}
		}
		if all = append(all, next...); len(all) > personMost {
			return nil, nil, fmt.Errorf("more than %d records hang together with %s, which is no one person", personMost, ref)
		}
		if len(next) == 0 {
			break
		}
		news = next
	}
	out := make([]automation.Link, 0, len(links))
	for _, l := range links {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b automation.Link) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return all, out, nil
}

// childrenOf are the records we made under others.
func (s *Store) childrenOf(ctx context.Context, parents []record.Ref) ([]record.Ref, error) {
	docs := make([]string, len(parents))
	for i, p := range parents {
		var err error
		if docs[i], err = encode("parent", p); err != nil {
			return nil, err
		}
	}
	var rows []changeRow
	err := s.read(ctx).Model(&changeRow{}).Select("DISTINCT connection, object, record, target_connection, target_object, target_record").
		Where("parent <> '' AND parent IN ?", docs).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read what lives under %d records: %w", len(parents), err)
	}
	out := make([]record.Ref, 0, 2*len(rows))
	for _, r := range rows {
		out = append(out, ref(r.Connection, r.Object, r.Record), ref(r.TargetConnection, r.TargetObject, r.TargetRecord))
	}
	return out, nil
}

// Conditions that name some records, on either side of what was done.
func ofEither(n int) string {
	return "(" + among(sourceColumns, n) + " OR (target_record <> '' AND " + among(targetColumns, n) + "))"
}

func twice(refs []record.Ref) []any { return append(refArgs(refs), refArgs(refs)...) }

// PersonalData reads all that is kept about the person behind a record.
func (s *Store) PersonalData(ctx context.Context, ref record.Ref) (engine.PersonalData, error) {
	refs, links, err := s.person(ctx, ref)
	if err != nil {
		return engine.PersonalData{}, fmt.Errorf("read personal data of %s: %w", ref, err)
	}
	out := engine.PersonalData{Records: refs, Links: links}
	for chunk := range slices.Chunk(refs, personChunk) {
		if err := s.personalChunk(ctx, &out, chunk); err != nil {
			return out, fmt.Errorf("read personal data of %s: %w", ref, err)
		}
	}
	for chunk := range slices.Chunk(linkIDs(links), personChunk) {
		var rows []baseRow
		if err := s.read(ctx).Where("link_id IN ?", chunk).Find(&rows).Error; err != nil {
			return out, fmt.Errorf("read personal data of %s: %w", ref, err)
		}
		for _, r := range rows {
			b := automation.Base{Link: r.LinkID, Automation: automation.ID(r.AutomationID), Version: r.Version, AgreedAt: r.AgreedAt.time()}
			if err := errors.Join(decode("base of link "+r.LinkID, r.Fields, &b.Fields), decode("base of link "+r.LinkID, r.Target, &b.Target)); err != nil {
				return out, err
			}
			out.Agreed = append(out.Agreed, b)
		}
	}
	return out, nil
}

func linkIDs(links []automation.Link) []string {
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.ID
	}
	return ids
}

func (s *Store) personalChunk(ctx context.Context, out *engine.PersonalData, refs []record.Ref) error {
	var told []struct {
		Event    eventRow    `gorm:"embedded"`
		Delivery deliveryRow `gorm:"embedded;embeddedPrefix:d_"`
	}
	err := s.read(ctx).Raw("SELECT events.*, d.event_id AS d_event_id, d.body AS d_body, d.verdict AS d_verdict, d.size AS d_size FROM events JOIN deliveries AS d ON d.event_id = events.id WHERE "+
		amongEvents(len(refs))+" ORDER BY events.seq", refArgs(refs)...).Scan(&told).Error
	if err != nil {
		return err
	}
	for _, t := range told {
		out.Deliveries = append(out.Deliveries, t.Delivery.delivery(t.Event.event()))
	}
	var runRows []runRow
	if err := s.read(ctx).Where(ofEither(len(refs)), twice(refs)...).Order("id").Find(&runRows).Error; err != nil {
		return err
	}
	done, err := runs(runRows)
	if err != nil {
		return err
	}
	out.Runs = append(out.Runs, done...)
	var changeRows []changeRow
	if err := s.read(ctx).Where(ofEither(len(refs)), twice(refs)...).Order("id").Find(&changeRows).Error; err != nil {
		return err
	}
	written, err := changes(changeRows)
	if err != nil {
		return err
	}
	out.Changes = append(out.Changes, written...)
	var reviewRows []reviewRow
	if err := s.read(ctx).Where(among(sourceColumns, len(refs)), refArgs(refs)...).Order("id").Find(&reviewRows).Error; err != nil {
		return err
	}
	asked, err := reviewsOf(reviewRows)
	if err != nil {
		return err
	}
	out.Reviews = append(out.Reviews, asked...)
	items, err := planItemsOf(s.read(ctx), refs)
	if err != nil {
		return err
	}
	for _, it := range items {
		out.Plans = append(out.Plans, it.Plan)
	}
	return nil
}

func amongEvents(n int) string {
	return "(events.record, events.connection, events.object) IN (VALUES " + tuples("(?,?,?)", n) + ")"
}

// ErasePersonalData forgets the person behind a record.
func (s *Store) ErasePersonalData(ctx context.Context, ref record.Ref) (engine.Erased, error) {
	refs, links, err := s.person(ctx, ref)
	if err != nil {
		return engine.Erased{}, fmt.Errorf("erase personal data of %s: %w", ref, err)
	}
	var out engine.Erased
	err = s.write(ctx, func(u *unit) error {
		out = engine.Erased{} // the transaction may be tried again
		for chunk := range slices.Chunk(refs, personChunk) {
			if err := u.eraseChunk(chunk, &out); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(linkIDs(links), personChunk) {
			if err := u.Exec("DELETE FROM bases WHERE link_id IN ?", chunk).Error; err != nil {
				return err
			}
			res := u.Exec("UPDATE links SET severed = TRUE, evidence = '' WHERE id IN ?", chunk)
			if res.Error != nil {
				return res.Error
			}
			out.Links += int(res.RowsAffected)
		}
		return nil
	})
	if err != nil {
		return engine.Erased{}, fmt.Errorf("erase personal data of %s: %w", ref, err)
	}
	return out, nil
}

func (u *unit) eraseChunk(refs []record.Ref, out *engine.Erased) error {
	var busy int64
	if err := u.Raw("SELECT COUNT(*) FROM works WHERE state = 'running' AND "+among(sourceColumns, len(refs)), refArgs(refs)...).Scan(&busy).Error; err != nil {
		return err
	}
	if busy > 0 {
		return engine.ErrConflict // what is being done would be written down afterwards
	}
	for _, part := range []struct {
		statement string
		args      []any
		n         *int
	}{
		{"DELETE FROM deliveries WHERE event_id IN (SELECT id FROM events WHERE " + among(sourceColumns, len(refs)) + ")", refArgs(refs), &out.Deliveries},
		{"UPDATE runs SET title = '', summary = '', steps = '' WHERE " + ofEither(len(refs)), twice(refs), &out.Runs},
		{"UPDATE changes SET error = '', fields = '[]', before = '{}', after = '{}' WHERE " + ofEither(len(refs)), twice(refs), &out.Changes},
		{"DELETE FROM reviews WHERE " + among(sourceColumns, len(refs)), refArgs(refs), &out.Reviews},
	} {
		res := u.Exec(part.statement, part.args...)
		if res.Error != nil {
			return res.Error
		}
		*part.n += int(res.RowsAffected)
	}
	items, err := planItemsOf(u.DB, refs)
	if err != nil {
		return err
	}
	positions := make([]int64, len(items))
	for i, it := range items {
		positions[i] = it.Position
	}
	for chunk := range slices.Chunk(positions, 500) {
		if err := u.Exec("DELETE FROM plan_items WHERE position IN ?", chunk).Error; err != nil {
			return err
		}
	}
	out.Plans += len(items)
	return nil
}

// planItemsOf are the items of plans that are about some records. Items name records by id alone, so the account and
// type are read from the plan.
func planItemsOf(db *gorm.DB, refs []record.Ref) ([]engine.PlanItem, error) {
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = clean(r.ID)
	}
	var rows []planItemRow
	if err := db.Where("record IN ? OR target_record IN ?", ids, ids).Order("position").Find(&rows).Error; err != nil {
		return nil, err
	}
	var out []engine.PlanItem
	for _, r := range rows {
		item, err := r.item()
		if err != nil {
			return nil, err
		}
		if slices.Contains(refs, item.Plan.Source) || slices.Contains(refs, item.Plan.Target) {
			out = append(out, item)
		}
	}
	return out, nil
}
