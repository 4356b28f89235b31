package engine

import (
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/automation"
	"crosswalk/internal/record"
)

// PersonSearch gives out and forgets also what names a person without saying so where a database could look: deliveries are
// stored sealed, and one of an unknown type, or about a ticket that nothing was made of, is known by its body alone.
type PersonSearch struct {
	Store Privacy
	// Open gives back the body of a delivery as it arrived.
	Open func(event string, sealed []byte) ([]byte, error)
	// Progress, when set, is told from time to time how many deliveries were opened.
	Progress func(opened int)
}

const (
	// searchPage is how many bodies are held at once.
	searchPage = 100
	// besideMost bounds how many other records are named.
	besideMost = 100
)

// Data is all that is kept about the person behind a record.
func (s PersonSearch) Data(ctx context.Context, ref record.Ref) (PersonalData, error) {
	data, err := s.Store.PersonalData(ctx, ref)
	if err != nil {
		return data, err
	}
	found, err := s.search(ctx, ref, data, true)
	if err != nil {
		return data, err
	}
	data.Deliveries = append(data.Deliveries, found.deliveries...)
	data.Beside, data.Sharing, data.Unreadable = found.beside, found.sharing, found.unreadable
	return data, nil
}

// Erase forgets it.
func (s PersonSearch) Erase(ctx context.Context, ref record.Ref) (Erased, error) {
	data, err := s.Store.PersonalData(ctx, ref)
	if err != nil {
		return Erased{}, err
	}
	found, err := s.search(ctx, ref, data, false)
	if err != nil {
		return Erased{}, err
	}
	also := make([]string, len(found.deliveries))
	for i, d := range found.deliveries {
		also[i] = d.Event.ID
	}
	erased, err := s.Store.ErasePersonalData(ctx, ref, also)
	erased.Beside, erased.Sharing, erased.Unreadable = found.beside, found.sharing, found.unreadable
	return erased, err
}

type searched struct {
	deliveries []automation.Delivery
	beside     []record.Ref
	sharing    []string
	unreadable int
}

// search opens every delivery of the workspace. What is about a record of somebody else is not the person's, even where it
// names them.
func (s PersonSearch) search(ctx context.Context, ref record.Ref, data PersonalData, bodies bool) (out searched, err error) {
	marks := marksOf(data)
	for _, d := range data.Deliveries {
		if body, err := s.Open(d.Event.ID, d.Body); err == nil {
			marks.learn(body)
		}
	}
	known := make(map[string]bool, len(data.Deliveries))
	for _, d := range data.Deliveries {
		known[d.Event.ID] = true
	}
	var doubtful []automation.Delivery
	after, opened := "", 0
	for {
		page, err := s.Store.KeptDeliveries(ctx, ref, after, searchPage)
		if err != nil {
			return out, fmt.Errorf("search deliveries for %s: %w", ref, err)
		}
		for _, d := range page {
			after = d.Event.ID
			if known[d.Event.ID] {
				continue
			}
			body, err := s.Open(d.Event.ID, d.Body)
			how := marks.in(body)
			if !bodies { // what is erased need not be held until all is found
				d.Body = nil
			}
			switch {
			case err != nil:
				out.unreadable++
			case how == namesNot:
			case how == namesAlike:
				if len(out.sharing) < besideMost {
					out.sharing = append(out.sharing, d.Event.ID)
				}
			case d.Event.Ref.ID == "":
				out.deliveries = append(out.deliveries, d)
			default:
				doubtful = append(doubtful, d)
			}
		}
		if opened += len(page); s.Progress != nil {
			s.Progress(opened)
		}
		if len(page) < searchPage {
			break
		}
	}
	refs := make([]record.Ref, len(doubtful))
	for i, d := range doubtful {
		refs[i] = d.Event.Ref
	}
	linked, err := s.Store.Linked(ctx, refs)
	if err != nil {
		return out, fmt.Errorf("search deliveries for %s: %w", ref, err)
	}
	for _, d := range doubtful {
		r := d.Event.Ref
		switch {
		case !linked[r] && r.Type != record.Contact:
			out.deliveries = append(out.deliveries, d)
		case len(out.beside) < besideMost && !slices.Contains(out.beside, r):
			out.beside = append(out.beside, r)
		}
	}
	return out, nil
}
