package store

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

var (
	_ engine.Links = (*Store)(nil)
	_ engine.Pairs = (*Store)(nil)
)

const linkColumns = `l.id, l.source_connection, l.source_object, l.source_record, l.target_connection, l.target_object,
	l.target_record, l.evidence, l.created_at, l.severed, b.version, b.agreed_at, b.source_at, b.fields, b.target
FROM links l LEFT JOIN bases b ON b.link_id = l.id AND b.automation_id = ?`

// linksOf finds links made from the records, and then those made towards them; each half uses its own index.
const linksOf = `SELECT ` + linkColumns + `
WHERE l.source_connection = ? AND l.source_object = ? AND l.source_record IN ? AND l.target_connection = ? AND l.target_object = ?
UNION ALL SELECT ` + linkColumns + `
WHERE l.target_connection = ? AND l.target_object = ? AND l.target_record IN ? AND l.source_connection = ? AND l.source_object = ?`

type linkBaseRow struct {
	Link     linkRow `gorm:"embedded"`
	Version  *int
	AgreedAt *stamp
	SourceAt *stamp
	Fields   *string
	Target   *string
}

// FindLink answers the link seen from source: its Target is the counterpart, whichever way round it was made.
func (s *Store) FindLink(ctx context.Context, source record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (automation.Link, automation.Base, bool, error) {
	links, err := s.LinksOf(ctx, []record.Ref{source}, target, t, a)
	if err != nil {
		return automation.Link{}, automation.Base{}, false, err
	}
	lb, ok := links[source]
	return lb.Link, lb.Base, ok, nil
}

// LinksOf answers the links of many records, each seen from its record, as FindLink does.
func (s *Store) LinksOf(ctx context.Context, sources []record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (map[record.Ref]engine.LinkBase, error) {
	type side struct {
		connection record.ConnectionID
		object     record.ObjectType
	}
	// What is asked for, by the form it is stored in.
	asked := make(map[record.Ref]record.Ref, len(sources))
	ids := map[side][]string{}
	for _, r := range sources {
		stored := r
		stored.ID = clean(r.ID)
		if _, twice := asked[stored]; !twice {
			asked[stored] = r
			k := side{r.Connection, r.Type}
			ids[k] = append(ids[k], stored.ID)
		}
	}
	out := make(map[record.Ref]engine.LinkBase, len(sources))
	for k, all := range ids {
		for len(all) > 0 {
			n := min(500, len(all))
			if err := linksOfChunk(s.read(ctx), out, asked, string(k.connection), string(k.object), all[:n], string(target), string(t), a); err != nil {
				return nil, fmt.Errorf("find links of %d records: %w", len(sources), err)
			}
			all = all[n:]
		}
	}
	return out, nil
}

func linksOfChunk(db *gorm.DB, out map[record.Ref]engine.LinkBase, asked map[record.Ref]record.Ref, connection, object string, ids []string, target, t string, a automation.ID) error {
	var rows []linkBaseRow
	err := db.Raw(linksOf, string(a), connection, object, ids, target, t, string(a), connection, object, ids, target, t).Scan(&rows).Error
	if err != nil {
		return err
	}
	for _, r := range rows {
		link := r.Link.link()
		from, ok := asked[link.Source]
		// A link within one connection and type answers to both its ends; here it is seen from the one asked for.
		if !ok || string(link.Target.Connection) != target || string(link.Target.Type) != t {
			link.Source, link.Target = link.Target, link.Source
			if from, ok = asked[link.Source]; !ok {
				continue
			}
		}
		// Two links for one record can only come of a race; the older one counts, everywhere.
		if had, twice := out[from]; twice && !older(link, had.Link) {
			continue
		}
		link.Source = from
		lb := engine.LinkBase{Link: link}
		if r.Version != nil {
			lb.Base = automation.Base{Link: link.ID, Automation: a, Version: *r.Version, AgreedAt: r.AgreedAt.time(), SourceAt: r.SourceAt.time()}
			if err := decode("base of link "+link.ID, *r.Fields, &lb.Base.Fields); err != nil {
				return err
			}
			if err := decode("base of link "+link.ID, *r.Target, &lb.Base.Target); err != nil {
				return err
			}
		}
		out[from] = lb
	}
	return nil
}

// PairsOf pages through the links between two ends, whichever way round they were made, as the source sees them.
func (s *Store) PairsOf(ctx context.Context, source, target automation.Endpoint, after string, limit int) ([]automation.Link, error) {
	var rows []linkRow
	err := s.read(ctx).Raw(`SELECT * FROM links WHERE id > ? AND (source_connection = ? AND source_object = ? AND target_connection = ? AND target_object = ?
	OR target_connection = ? AND target_object = ? AND source_connection = ? AND source_object = ?) ORDER BY id LIMIT ?`,
		clean(after), string(source.Connection), string(source.Object), string(target.Connection), string(target.Object),
		string(source.Connection), string(source.Object), string(target.Connection), string(target.Object), limited(limit)).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list pairs of %s and %s: %w", source.Object, target.Object, err)
	}
	out := make([]automation.Link, len(rows))
	for i, r := range rows {
		if out[i] = r.link(); out[i].Source.Connection != source.Connection || out[i].Source.Type != source.Object {
			out[i].Source, out[i].Target = out[i].Target, out[i].Source
		}
	}
	return out, nil
}

// A write across a link is one to either end in the name of either end.
const usedLinks = `SELECT l.id FROM links l WHERE l.id IN ? AND (
	EXISTS (SELECT 1 FROM bases b WHERE b.link_id = l.id AND b.automation_id <> ?)
	OR EXISTS (SELECT 1 FROM changes c WHERE c.target_connection = l.source_connection AND c.target_object = l.source_object AND c.target_record = l.source_record` + acrossIt + `)
	OR EXISTS (SELECT 1 FROM changes c WHERE c.target_connection = l.target_connection AND c.target_object = l.target_object AND c.target_record = l.target_record` + acrossIt + `))`

const acrossIt = ` AND c.state <> 'refused' AND c.intended_at >= l.created_at AND (
		c.connection = l.source_connection AND c.object = l.source_object AND c.record = l.source_record
		OR c.connection = l.target_connection AND c.object = l.target_object AND c.record = l.target_record)`

// UsedLinks are those of some links across which something was written since they were made, or on which an automation
// besides this one rests.
func (s *Store) UsedLinks(ctx context.Context, links []string, by automation.ID) (map[string]bool, error) {
	out := map[string]bool{}
	for chunk := range slices.Chunk(links, 500) {
		var used []string
		if err := s.read(ctx).Raw(usedLinks, chunk, string(by)).Scan(&used).Error; err != nil {
			return nil, fmt.Errorf("look what %d links were used for: %w", len(links), err)
		}
		for _, id := range used {
			out[id] = true
		}
	}
	return out, nil
}

func older(a, b automation.Link) bool {
	if !a.CreatedAt.Equal(b.CreatedAt) {
		return a.CreatedAt.Before(b.CreatedAt)
	}
	return a.ID < b.ID
}

const (
	// A second link of the same record towards the same place replaces the first under the first one's id.
	upsertLink = `INSERT INTO links
(id, source_connection, source_object, source_record, target_connection, target_object, target_record, evidence, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source_connection, source_object, source_record, target_connection, target_object)
DO UPDATE SET target_record = excluded.target_record, evidence = excluded.evidence, severed = FALSE RETURNING id`

	// Without its link there is nothing to remember a base for.
	upsertBase = `INSERT INTO bases (link_id, automation_id, version, agreed_at, source_at, fields, target)
SELECT id, ?, CAST(? AS INTEGER), CAST(? AS BIGINT), CAST(? AS BIGINT), ?, ? FROM links WHERE id = ?
ON CONFLICT (link_id, automation_id)
DO UPDATE SET version = excluded.version, agreed_at = excluded.agreed_at, source_at = excluded.source_at, fields = excluded.fields, target = excluded.target`
)

// saveLink answers the id the link is stored under.
func (u *unit) saveLink(l automation.Link) (string, error) {
	if err := u.wakeAwaiting(l.Source, l.Target); err != nil {
		return "", err
	}
	var id string
	err := u.Raw(upsertLink, l.ID, string(l.Source.Connection), string(l.Source.Type), clean(l.Source.ID),
		string(l.Target.Connection), string(l.Target.Type), clean(l.Target.ID), clean(l.Evidence), int64(at(l.CreatedAt))).Scan(&id).Error
	if err != nil || id == l.ID {
		return id, err
	}
	// What was agreed across the link it replaces says nothing about the new counterpart.
	return id, u.Exec("DELETE FROM bases WHERE link_id = ?", id).Error
}

func (u *unit) saveBase(b automation.Base, link string) error {
	fields, err := encode("base", b.Fields)
	if err != nil {
		return err
	}
	target, err := encode("base", b.Target)
	if err != nil {
		return err
	}
	return u.Exec(upsertBase, string(b.Automation), b.Version, int64(at(b.AgreedAt)), int64(at(b.SourceAt)), fields, target, link).Error
}

const (
	partPair = `UPDATE links SET severed = TRUE WHERE id = ?`

	// Not where one of the two is a live pair with another record of the same place, whichever way round that was made.
	joinPair = `UPDATE links SET severed = FALSE WHERE id = ? AND NOT EXISTS (SELECT 1 FROM links o WHERE o.id <> links.id AND NOT o.severed AND (
	o.target_connection = links.target_connection AND o.target_object = links.target_object AND o.target_record = links.target_record
		AND o.source_connection = links.source_connection AND o.source_object = links.source_object
	OR o.source_connection = links.target_connection AND o.source_object = links.target_object AND o.source_record = links.target_record
		AND o.target_connection = links.source_connection AND o.target_object = links.source_object
	OR o.target_connection = links.source_connection AND o.target_object = links.source_object AND o.target_record = links.source_record
		AND o.source_connection = links.target_connection AND o.source_object = links.target_object))`
)

// Link reads one link.
func (s *Store) Link(ctx context.Context, id string) (automation.Link, error) {
	var rows []linkRow
	if err := s.read(ctx).Raw("SELECT * FROM links WHERE id = ?", clean(id)).Scan(&rows).Error; err != nil {
		return automation.Link{}, fmt.Errorf("read link %s: %w", id, err)
	}
	if len(rows) == 0 {
		return automation.Link{}, fmt.Errorf("read link %s: %w", id, engine.ErrNotFound)
	}
	return rows[0].link(), nil
}

// PartPair lets the two records of a link go separate ways, or be a pair again, with what they had agreed on. It answers
// engine.ErrConflict where one of the two has another counterpart by now.
func (s *Store) PartPair(ctx context.Context, link string, apart bool) error {
	if _, err := s.Link(ctx, link); err != nil {
		return err
	}
	statement := joinPair
	if apart {
		statement = partPair
	}
	err := s.write(ctx, func(u *unit) error {
		done := u.Exec(statement, clean(link))
		if done.Error == nil && done.RowsAffected == 0 {
			return engine.ErrConflict
		}
		return done.Error
	})
	if err != nil {
		return fmt.Errorf("part the pair of link %s: %w", link, err)
	}
	return nil
}

func (u *unit) unlink(l automation.Link) error {
	return u.Exec("DELETE FROM links WHERE id = ?", l.ID).Error
}

func (u *unit) sever(l automation.Link) error {
	return u.Exec("UPDATE links SET severed = TRUE WHERE id = ?", l.ID).Error
}
