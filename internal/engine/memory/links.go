package memory

import (
	"context"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/engine"
	"crosswalk/internal/record"
)

type baseKey struct {
	link       string
	automation automation.ID
}

// FindLink answers the link seen from source: its Target is the counterpart, whichever way round it was made.
func (s *Store) FindLink(_ context.Context, source record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (automation.Link, automation.Base, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lb, ok := s.linkOf(source, target, t, a)
	return lb.Link, lb.Base, ok, nil
}

// LinksOf answers the links of many records, each seen from its record, as FindLink does.
func (s *Store) LinksOf(_ context.Context, sources []record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (map[record.Ref]engine.LinkBase, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[record.Ref]engine.LinkBase, len(sources))
	for _, source := range sources {
		if lb, ok := s.linkOf(source, target, t, a); ok {
			out[source] = lb
		}
	}
	return out, nil
}

func (s *Store) linkOf(source record.Ref, target record.ConnectionID, t record.ObjectType, a automation.ID) (engine.LinkBase, bool) {
	leads := func(l automation.Link) bool {
		return l.Source == source && l.Target.Connection == target && l.Target.Type == t
	}
	var best automation.Link
	for _, l := range s.links {
		if !leads(l) {
			if l.Source, l.Target = l.Target, l.Source; !leads(l) {
				continue
			}
		}
		// Two links for one record can only come of a race; the older one counts, everywhere.
		if best.ID == "" || older(l, best) {
			best = l
		}
	}
	if best.ID == "" {
		return engine.LinkBase{}, false
	}
	base := s.bases[baseKey{best.ID, a}]
	base.Fields, base.Target = cloned(base.Fields), cloned(base.Target)
	return engine.LinkBase{Link: best, Base: base}, true
}

func older(a, b automation.Link) bool {
	if !a.CreatedAt.Equal(b.CreatedAt) {
		return a.CreatedAt.Before(b.CreatedAt)
	}
	return a.ID < b.ID
}

func samePlace(a, b automation.Link) bool {
	return a.Source == b.Source && a.Target.Connection == b.Target.Connection && a.Target.Type == b.Target.Type
}

// taken reports that another link has this id, and is not about to go.
func (s *Store) taken(l automation.Link, going *automation.Link) bool {
	return slices.ContainsFunc(s.links, func(had automation.Link) bool {
		return had.ID == l.ID && !samePlace(had, l) && (going == nil || going.ID != l.ID)
	})
}

// saveLink answers the id the link is stored under: a second link of the same record towards the same place replaces
// the first under the first one's id, and what was agreed across that one is forgotten.
func (s *Store) saveLink(l automation.Link) string {
	i := slices.IndexFunc(s.links, func(had automation.Link) bool { return samePlace(had, l) })
	if i < 0 {
		l.Severed = false
		s.links = append(s.links, l)
		return l.ID
	}
	had := &s.links[i]
	replaced := had.ID != l.ID
	id, created := had.ID, had.CreatedAt
	*had = l
	had.ID, had.CreatedAt, had.Severed = id, created, false
	if replaced {
		s.forgetBases(id)
	}
	return id
}

// saveBase does nothing for a link that is not there.
func (s *Store) saveBase(b automation.Base, link string) {
	if !slices.ContainsFunc(s.links, func(l automation.Link) bool { return l.ID == link }) {
		return
	}
	b.Link, b.Fields, b.Target = link, cloned(b.Fields), cloned(b.Target)
	s.bases[baseKey{link, b.Automation}] = b
}

func (s *Store) unlink(id string) {
	s.links = slices.DeleteFunc(s.links, func(l automation.Link) bool { return l.ID == id })
	s.forgetBases(id)
}

func (s *Store) sever(id string) {
	for i := range s.links {
		if s.links[i].ID == id {
			s.links[i].Severed = true
		}
	}
}

func (s *Store) forgetBases(link string) {
	for k := range s.bases {
		if k.link == link {
			delete(s.bases, k)
		}
	}
}

// Links are all links, oldest first.
func (s *Store) Links() []automation.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.links)
}
