package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
			b := automation.Base{Link: r.LinkID, Automation: automation.ID(r.AutomationID), Version: r.Version, AgreedAt: r.AgreedAt.time(), SourceAt: r.SourceAt.time()}
			if err := errors.Join(decode("base of link "+r.LinkID, r.Fields, &b.Fields), decode("base of link "+r.LinkID, r.Target, &b.Target)); err != nil {
				return out, err
			}
			out.Agreed = append(out.Agreed, b)
		}
	}
	if out.Named, err = s.named(ctx, refs); err != nil {
		return out, fmt.Errorf("read personal data of %s: %w", ref, err)
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
	if err := s.withEarlier(ctx, pointers(done)...); err != nil {
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

// ErasePersonalData forgets the person behind a record, with deliveries that turned out to name them.
func (s *Store) ErasePersonalData(ctx context.Context, ref record.Ref, also []string) (engine.Erased, error) {
	refs, links, err := s.person(ctx, ref)
	if err != nil {
		return engine.Erased{}, fmt.Errorf("erase personal data of %s: %w", ref, err)
	}
	named, err := s.named(ctx, refs)
	if err != nil {
		return engine.Erased{}, fmt.Errorf("erase personal data of %s: %w", ref, err)
	}
	items, err := s.itemsNaming(ctx, refs)
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
		for chunk := range slices.Chunk(also, personChunk) {
			res := u.Exec("DELETE FROM deliveries WHERE event_id IN ?", chunk)
			if res.Error != nil {
				return res.Error
			}
			out.Deliveries += int(res.RowsAffected)
		}
		n, err := u.unname(refs, named, items)
		out.Named = n
		return err
	})
	if err != nil {
		return engine.Erased{}, fmt.Errorf("erase personal data of %s: %w", ref, err)
	}
	s.overwriteLog(context.WithoutCancel(ctx))
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
		{"DELETE FROM attempts WHERE run_id IN (SELECT id FROM runs WHERE " + ofEither(len(refs)) + ")", twice(refs), new(int)}, // counted as their runs
		{"DELETE FROM known_records WHERE " + among(sourceColumns, len(refs)), refArgs(refs), new(int)},
		{"DELETE FROM silences WHERE " + among(sourceColumns, len(refs)), refArgs(refs), new(int)},
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

// kin are the accounts a person's data may have come in by: those of their records, and all of the same workspace.
func (s *Store) kin(ctx context.Context, refs []record.Ref) ([]string, error) {
	var own []string
	for _, r := range refs {
		if id := string(r.Connection); !slices.Contains(own, id) {
			own = append(own, id)
		}
	}
	var beside []string
	err := s.read(ctx).Raw("SELECT id FROM connections WHERE workspace_id <> '' AND workspace_id IN (SELECT workspace_id FROM connections WHERE id IN ?)", own).Scan(&beside).Error
	for _, id := range beside {
		if !slices.Contains(own, id) {
			own = append(own, id)
		}
	}
	return own, err
}

// KeptDeliveries pages through the deliveries with a body that arrived in the workspace of a record, by id.
func (s *Store) KeptDeliveries(ctx context.Context, ref record.Ref, after string, limit int) ([]automation.Delivery, error) {
	links, err := s.LinksAt(ctx, ref)
	if err != nil {
		return nil, err
	}
	kin, err := s.kin(ctx, engine.Story{Record: ref, Links: links}.Refs())
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	var rows []struct {
		Event    eventRow    `gorm:"embedded"`
		Delivery deliveryRow `gorm:"embedded;embeddedPrefix:d_"`
	}
	err = s.read(ctx).Raw(`SELECT events.*, d.event_id AS d_event_id, d.body AS d_body, d.verdict AS d_verdict, d.size AS d_size
FROM deliveries AS d JOIN events ON events.id = d.event_id WHERE d.event_id > ? AND d.connection IN ? AND LENGTH(d.body) > 0 ORDER BY d.event_id LIMIT ?`, clean(after), kin, limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	out := make([]automation.Delivery, len(rows))
	for i, r := range rows {
		out[i] = r.Delivery.delivery(r.Event.event())
	}
	return out, nil
}

// Linked tells which of some records have a counterpart.
func (s *Store) Linked(ctx context.Context, refs []record.Ref) (map[record.Ref]bool, error) {
	out := map[record.Ref]bool{}
	for chunk := range slices.Chunk(refs, personChunk) {
		links, err := s.linksAt(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			out[l.Source], out[l.Target] = true, true
		}
	}
	return out, nil
}

// namedPage is how many questions and items are looked through at once.
const namedPage = 200

func isOneOf(refs []record.Ref) func(record.Ref) bool {
	known := make(map[record.Ref]bool, len(refs))
	for _, r := range refs {
		known[r] = true
	}
	return func(r record.Ref) bool { return known[r] }
}

// named are the questions about others in which some records are candidates. They are looked through one by one: candidates
// are inside the plan a question is about.
func (s *Store) named(ctx context.Context, refs []record.Ref) ([]engine.Naming, error) {
	kin, err := s.kin(ctx, refs)
	if err != nil {
		return nil, err
	}
	theirs := isOneOf(refs)
	var out []engine.Naming
	after := ""
	for {
		var rows []reviewRow
		if err := s.read(ctx).Where("id > ? AND kind = ? AND connection IN ?", after, string(automation.ReviewIdentity), kin).Order("id").Limit(namedPage).Find(&rows).Error; err != nil {
			return nil, err
		}
		all, err := reviewsOf(rows)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			after = r.ID
			if theirs(r.Source) {
				continue
			}
			for _, c := range r.Plan.Identity.Candidates {
				if theirs(c.Ref) {
					out = append(out, engine.Naming{Review: r.ID, Automation: r.Automation, State: r.State, Candidate: c})
				}
			}
		}
		if len(rows) < namedPage {
			return out, nil
		}
	}
}

// itemsNaming are the positions of what plans for everyone say about others, where some records are candidates.
func (s *Store) itemsNaming(ctx context.Context, refs []record.Ref) ([]int64, error) {
	kin, err := s.kin(ctx, refs)
	if err != nil {
		return nil, err
	}
	theirs := isOneOf(refs)
	unsure := []string{string(automation.MatchDoubtful), string(automation.MatchDoubleSource), string(automation.MatchDoubleTarget)}
	var out []int64
	var after int64
	for {
		var rows []planItemRow
		if err := s.read(ctx).Where("position > ? AND matching IN ?", after, unsure).Order("position").Limit(namedPage).Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, r := range rows {
			after = r.Position
			item, err := r.item()
			if err != nil {
				return nil, err
			}
			if !slices.Contains(kin, string(item.Plan.Source.Connection)) {
				continue
			}
			if _, found := item.Plan.Unnamed(theirs); found {
				out = append(out, r.Position)
			}
		}
		if len(rows) < namedPage {
			return out, nil
		}
	}
}

// unname takes a person out of questions about others, of the runs that asked them, and of plans for everyone.
func (u *unit) unname(refs []record.Ref, named []engine.Naming, items []int64) (int, error) {
	theirs := isOneOf(refs)
	ids := make([]string, 0, len(named))
	for _, n := range named {
		if !slices.Contains(ids, n.Review) {
			ids = append(ids, n.Review)
		}
	}
	for chunk := range slices.Chunk(ids, personChunk) {
		var rows []reviewRow
		if err := u.Where("id IN ?", chunk).Find(&rows).Error; err != nil {
			return 0, err
		}
		asked, err := reviewsOf(rows)
		if err != nil {
			return 0, err
		}
		for _, r := range asked {
			if err := u.unnameReview(r, theirs, named); err != nil {
				return 0, err
			}
		}
	}
	for chunk := range slices.Chunk(items, personChunk) {
		var rows []planItemRow
		if err := u.Where("position IN ?", chunk).Find(&rows).Error; err != nil {
			return 0, err
		}
		for _, row := range rows {
			item, err := row.item()
			if err != nil {
				return 0, err
			}
			plan, _ := item.Plan.Unnamed(theirs)
			doc, err := encode("plan", plan)
			if err != nil {
				return 0, err
			}
			if err := u.Exec("UPDATE plan_items SET plan = ? WHERE position = ?", doc, row.Position).Error; err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}

func (u *unit) unnameReview(r automation.Review, theirs func(record.Ref) bool, named []engine.Naming) error {
	plan, _ := r.Plan.Unnamed(theirs)
	doc, err := encode("plan of review "+r.ID, plan)
	if err != nil {
		return err
	}
	if err := u.Exec("UPDATE reviews SET plan = ? WHERE id = ?", doc, r.ID).Error; err != nil {
		return err
	}
	// The runs that came to this question tell of the same candidates, and of how they were looked for.
	var about []string
	for _, n := range named {
		if n.Review == r.ID {
			about = append(about, n.Candidate.Ref.ID, n.Candidate.Title)
		}
	}
	var runs []runRow
	err = u.Select("id, steps").Where("automation_id = ? AND connection = ? AND object = ? AND record = ?",
		string(r.Automation), string(r.Source.Connection), string(r.Source.Type), clean(r.Source.ID)).Find(&runs).Error
	if err != nil {
		return err
	}
	for _, run := range runs {
		steps, err := unnamed(run.Steps, theirs, about)
		if err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
		if err := u.Exec("UPDATE runs SET steps = ? WHERE id = ?", steps, run.ID).Error; err != nil {
			return err
		}
		var earlier []attemptRow
		if err := u.Select("run_id, number, steps").Where("run_id = ?", run.ID).Find(&earlier).Error; err != nil {
			return err
		}
		for _, a := range earlier {
			if steps, err = unnamed(a.Steps, theirs, about); err != nil {
				return fmt.Errorf("attempt %d of run %s: %w", a.Number, run.ID, err)
			}
			if err := u.Exec("UPDATE attempts SET steps = ? WHERE run_id = ? AND number = ?", steps, a.RunID, a.Number).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

// unnamed are stored steps without what they say of a person. What a provider answered is taken out as a whole where the
// person is in it: it is a log of a call, and no record of anybody.
func unnamed(doc string, theirs func(record.Ref) bool, about []string) (string, error) {
	steps, err := automation.DecodeSteps([]byte(doc))
	if err != nil {
		return "", err
	}
	for i, st := range steps {
		if st.Plan != nil {
			plan, _ := st.Plan.Unnamed(theirs)
			steps[i].Plan = &plan
		}
		for j, call := range st.Calls {
			if slices.ContainsFunc(about, func(word string) bool {
				return word != "" && (strings.Contains(call.Request, word) || strings.Contains(call.Response, word))
			}) {
				steps[i].Calls[j].Request, steps[i].Calls[j].Response = "", "erased: it told of a person who was forgotten"
			}
		}
	}
	out, err := automation.EncodeSteps(steps)
	return string(out), err
}
