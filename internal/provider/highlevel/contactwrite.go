package highlevel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

const notAList = "this field is not a list that can be added to"

// body is a JSON object being sent. HighLevel refuses any key it does not know (§4.1), so only the table is sent.
type body map[string]any

func createContact(ctx context.Context, c *Client, w provider.Write) (record.Record, error) {
	began := c.cfg.Now()
	defs, err := c.customForWriting(ctx, opCreateContact, w)
	if err != nil {
		return record.Record{}, err
	}
	b, custom, err := c.contactBody(opCreateContact, w.Fields, defs, false)
	if err != nil {
		return record.Record{}, err
	}
	b["locationId"] = c.cfg.LocationID
	// A new contact has no tags that a list could overwrite, so they may travel with it.
	tags, _ := w.Fields["tags"].AsList()
	if tags = union(tags, w.Add["tags"]); len(tags) > 0 {
		b["tags"] = tags
	}
	for key, add := range w.Add {
		id, ok := strings.CutPrefix(key, customPrefix)
		switch {
		case ok:
			have, _ := w.Fields[key].AsList()
			custom = custom.set(id, union(have, add))
		case key != "tags":
			return record.Record{}, invalid(opCreateContact, key, notAList)
		}
	}
	if len(custom) > 0 {
		b["customFields"] = custom
	}
	if b["email"] == nil && b["phone"] == nil {
		// HighLevel needs one of them (§4.1); say so in words before it answers in its own.
		const complaint = "HighLevel needs an email address or a phone number"
		return record.Record{}, &provider.Error{Provider: ID, Op: opCreateContact.words, Kind: provider.Invalid, Detail: complaint, Fields: map[string]string{"email": complaint, "phone": complaint}}
	}
	var out raw
	err = c.do(ctx, opCreateContact, "/contacts/", nil, b, &out)
	if e, ok := errors.AsType[*provider.Error](err); ok {
		switch {
		case e.Status == 422:
			switch found, made := c.createdAnyway(ctx, w, began); made {
			case yes:
				return found, nil
			case unclear:
				e.Kind = provider.Ambiguous
			}
			custom.name(e)
		case e.Kind == provider.Duplicate && e.Existing.IsZero():
			if found, err := c.firstMatch(ctx, w); err == nil && len(found) > 0 {
				e.Existing = found[0].Ref
			}
		}
		return record.Record{}, e
	}
	if err != nil {
		return record.Record{}, err
	}
	r := out.object("contact")
	if r.text("id") == "" {
		return record.Record{}, unexpected(opCreateContact)
	}
	made := c.contact(r, defs)
	for key, v := range w.Fields {
		if !v.IsEmpty() && made.Fields[key].IsEmpty() {
			// A create answers with fewer keys than a read (§4.1), so a missing one proves nothing yet. The contact
			// exists: should this read fail, the answer at hand is still true.
			if read, err := c.readContact(ctx, made.Ref.ID); err == nil {
				return overlay(read, made, w.Fields), nil
			}
			break
		}
	}
	return made, nil
}

type verdict int

const (
	no verdict = iota
	yes
	unclear
)

// createdAnyway looks whether a refused create made the contact all the same: §4.2, I#64. Only a contact that is
// new and holds what we wrote counts; anything else would be adopting somebody's record. A new one that holds something
// else may be ours and edited since, and a look-up that fails tells nothing: then it is unclear.
func (c *Client) createdAnyway(ctx context.Context, w provider.Write, began time.Time) (record.Record, verdict) {
	found, err := c.firstMatch(ctx, w)
	if err != nil {
		return record.Record{}, unclear
	}
	said := no
	for _, r := range found {
		added, ok := r.Fields["dateAdded"].AsTime()
		if !ok || added.Before(began.Add(-2*time.Minute)) { // clocks differ a little
			continue
		}
		same := true
		for key, v := range w.Fields {
			// The addresses matched already; tags and the rest of the lists may have grown since.
			def, ok := contactFieldByWrite(key)
			if !ok || key == "email" || def.Kind == record.Set || v.IsEmpty() {
				continue
			}
			wrote, _ := c.wire(def.Kind, v)
			reads, _ := c.wire(def.Kind, r.Fields[key])
			if !strings.EqualFold(fmt.Sprint(wrote), fmt.Sprint(reads)) {
				same = false
			}
		}
		if same {
			return r, yes
		}
		said = unclear
	}
	return record.Record{}, said
}

// firstMatch finds contacts by the identifiers of a write.
func (c *Client) firstMatch(ctx context.Context, w provider.Write) ([]record.Record, error) {
	var failed error
	for _, field := range []string{"email", "phone"} {
		found, err := findContact(ctx, c, field, w.Fields[field])
		if err == nil && len(found) > 0 {
			return found, nil
		}
		if err != nil && !provider.IsKind(err, provider.Invalid) {
			failed = err
		}
	}
	return nil, failed
}

// halfDone is the failure of a later call of several: the earlier ones have written.
func halfDone(err error) error {
	e, ok := errors.AsType[*provider.Error](err)
	if !ok || provider.Stopped(err) {
		return err
	}
	half := *e
	half.Kind = provider.Ambiguous
	return &half
}

// overlay puts what a write answered over what was read afterwards, for the fields that were written: between the two
// somebody may have edited.
func overlay(read, answered record.Record, written record.Fields) record.Record {
	for key := range written {
		if v := answered.Fields[key]; !v.IsEmpty() {
			read.Fields[key] = v
		}
	}
	return read
}

func updateContact(ctx context.Context, c *Client, id string, w provider.Write) (record.Record, error) {
	if v, ok := w.Fields["tags"]; ok && !v.IsEmpty() {
		// PUT with tags replaces all of them (§4.1): what others added meanwhile would be lost.
		return record.Record{}, refuse(opUpdateContact, "tags", "tags are added and removed one by one")
	}
	defs, err := c.customForWriting(ctx, opUpdateContact, w)
	if err != nil {
		return record.Record{}, err
	}
	b, custom, err := c.contactBody(opUpdateContact, w.Fields, defs, true)
	if err != nil {
		return record.Record{}, err
	}
	if custom, err = c.changedSets(ctx, id, w, custom); err != nil {
		return record.Record{}, err
	}
	if len(custom) > 0 {
		b["customFields"] = custom
	}

	// The company goes first: it may be impossible, and then nothing else should be half done.
	var now record.Record
	if company, ok := w.Fields["companyName"]; ok {
		if now, err = c.setCompany(ctx, id, company, defs); err != nil {
			return record.Record{}, err
		}
	}
	if len(b) > 0 {
		var out raw
		if err := c.do(ctx, opUpdateContact, path("contacts", id), nil, b, &out); err != nil {
			if e, ok := errors.AsType[*provider.Error](err); ok {
				custom.name(e)
			}
			if !now.Ref.IsZero() {
				err = halfDone(err)
			}
			return record.Record{}, err
		}
		r := out.object("contact")
		if r.text("id") == "" {
			return record.Record{}, unexpected(opUpdateContact)
		}
		now = c.contact(r, defs)
	}
	tagged := false
	for _, change := range []struct {
		op   operation
		tags []string
	}{{opAddTags, w.Add["tags"]}, {opRemoveTags, w.Remove["tags"]}} {
		if len(change.tags) == 0 {
			continue
		}
		// DELETE carries a body, too: §4.5.
		if err := c.do(ctx, change.op, path("contacts", id, "tags"), nil, body{"tags": change.tags}, nil); err != nil {
			if tagged || !now.Ref.IsZero() {
				err = halfDone(err)
			}
			return record.Record{}, err
		}
		tagged = true
	}
	if !tagged && !now.Ref.IsZero() {
		return now, nil
	}
	// What the tag calls answer is only partly documented (§4.5): read the truth.
	read, err := c.readContact(ctx, id)
	if err != nil && tagged {
		return record.Record{}, halfDone(err)
	}
	if err != nil {
		return record.Record{}, err
	}
	return overlay(read, now, w.Fields), nil
}

// setCompany writes companyName to an existing contact. The update schema lacks it (§4.1, I#314), and whether PUT
// takes it is unconfirmed; upsert does. But an upsert writes to whomever HighLevel finds by email or phone, so it is
// sent only when the duplicate search, which follows the same rule (§4.2), names exactly this contact — and without
// tags, which it would replace.
func (c *Client) setCompany(ctx context.Context, id string, company record.Value, defs map[string]customField) (record.Record, error) {
	now, err := c.readContact(ctx, id)
	if err != nil || now.Fields["companyName"].String() == company.String() {
		return now, err
	}
	const complaint = "HighLevel can only change the company of a contact it finds by email or phone, and these lead to nobody or to somebody else"
	for _, field := range []string{"email", "phone"} {
		want := now.Fields[field].String()
		if want == "" {
			continue
		}
		found, err := c.duplicate(ctx, field, want)
		if err != nil {
			return record.Record{}, err
		}
		if found.text("id") != id {
			return record.Record{}, c.unfound(ctx, id, field, want, complaint)
		}
		b := body{"locationId": c.cfg.LocationID, field: want, "companyName": nil}
		if !company.IsEmpty() {
			b["companyName"] = company.String()
		}
		began := c.cfg.Now()
		var out raw
		if err := c.do(ctx, opUpsertContact, path("contacts", "upsert"), nil, b, &out); err != nil {
			return c.upsertedAnyway(ctx, id, field, provider.Write{Fields: record.Fields{field: now.Fields[field], "companyName": company}}, began, err)
		}
		r := out.object("contact")
		if stray := r.text("id"); stray != id && stray != "" && out["new"] == true && deleteContact(ctx, c, stray) == nil {
			// Somebody changed the address since it was read, so the call made a contact that nobody asked for. It was
			// taken away again at once; then nothing has happened.
			return record.Record{}, movedAway(field)
		}
		if r.text("id") != id {
			return record.Record{}, &provider.Error{
				Provider: ID, Op: opUpsertContact.words, Kind: provider.Ambiguous,
				Detail: "HighLevel changed another contact than the one it had named; look at contact " + r.text("id"),
			}
		}
		return c.contact(r, defs), nil
	}
	return record.Record{}, refuse(opUpsertContact, "companyName", complaint)
}

// upsertedAnyway is what a refused upsert came to. One that is refused with a 422 may have made a contact all the same
// (§4.2), when somebody changed the address since it was read: that is taken away again.
func (c *Client) upsertedAnyway(ctx context.Context, id, field string, w provider.Write, began time.Time, refused error) (record.Record, error) {
	e, ok := errors.AsType[*provider.Error](refused)
	if !ok || e.Status != 422 {
		return record.Record{}, refused
	}
	stray, made := c.createdAnyway(ctx, w, began)
	switch {
	case made == yes && stray.Ref.ID == id:
		return stray, nil
	case made == yes && deleteContact(ctx, c, stray.Ref.ID) == nil:
		return record.Record{}, movedAway(field)
	case made != no:
		e.Kind = provider.Ambiguous
	}
	return record.Record{}, e
}

// unfound is why a contact was not found by its own address: somebody changed that since it was read, which passes, or
// HighLevel finds somebody else by it, which does not.
func (c *Client) unfound(ctx context.Context, id, field, want, complaint string) error {
	now, err := c.readContact(ctx, id)
	switch {
	case err != nil:
		return err
	case now.Fields[field].String() != want:
		return movedAway(field)
	}
	return refuse(opUpsertContact, "companyName", complaint)
}

// movedAway is a write that did not happen, since the contact's address was changed meanwhile.
func movedAway(field string) error {
	return &provider.Error{Provider: ID, Op: opUpsertContact.words, Kind: provider.Unavailable, Detail: "the contact's " + field + " was changed at the same moment"}
}

func refuse(op operation, field, complaint string) *provider.Error {
	return &provider.Error{Provider: ID, Op: op.words, Kind: provider.Unsupported, Detail: complaint, Fields: map[string]string{field: complaint}}
}

// customForWriting reads the definitions only when the write names custom fields; unlike reading, writing needs them.
func (c *Client) customForWriting(ctx context.Context, op operation, w provider.Write) (map[string]customField, error) {
	keys := slices.Concat(slices.Collect(maps.Keys(w.Fields)), slices.Collect(maps.Keys(w.Add)), slices.Collect(maps.Keys(w.Remove)))
	custom := slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, customPrefix) })
	defs, err := c.customForReading(ctx)
	if err != nil || len(custom) == 0 {
		return defs, err
	}
	all, err := c.customFields(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range custom {
		i := slices.IndexFunc(all, func(d customField) bool { return customPrefix+d.id == key })
		if i < 0 {
			// HighLevel may drop an unknown field in silence; that must not look like success.
			return nil, invalid(op, key, "this custom field no longer exists in HighLevel")
		}
		spec := all[i].spec()
		if spec.ReadOnly {
			return nil, invalid(op, key, "this custom field cannot be written")
		}
		if spec.Kind != record.Set && len(w.Add[key])+len(w.Remove[key]) > 0 {
			return nil, invalid(op, key, notAList)
		}
	}
	return defs, nil
}

func invalid(op operation, field, complaint string) *provider.Error {
	return &provider.Error{Provider: ID, Op: op.words, Kind: provider.Invalid, Detail: field + ": " + complaint, Fields: map[string]string{field: complaint}}
}

// contactBody builds what create and update share. On an update an empty value clears; on a create it is left out.
func (c *Client) contactBody(op operation, fields record.Fields, defs map[string]customField, update bool) (body, customWrites, error) {
	b, custom := body{}, customWrites{}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		v := fields[key]
		if id, ok := strings.CutPrefix(key, customPrefix); ok {
			if v.IsEmpty() && !update {
				continue
			}
			value, complaint := c.customWire(defs[id], v)
			if complaint != "" {
				return nil, nil, invalid(op, key, complaint)
			}
			custom = custom.set(id, value)
			continue
		}
		def, ok := contactFieldByWrite(key)
		switch {
		case !ok:
			return nil, nil, invalid(op, key, "HighLevel does not let this field be written")
		case key == "tags", def.upsert && update, v.IsEmpty() && !update:
			continue
		case key == "name" && !(fields["firstName"].IsEmpty() && fields["lastName"].IsEmpty()):
			continue // the parts decide (§4.1)
		}
		value, complaint := c.contactWire(def, v)
		if complaint != "" {
			return nil, nil, invalid(op, key, complaint)
		}
		b[def.write] = value
	}
	return b, custom, nil
}

// contactWire is a standard field's value as HighLevel wants it.
func (c *Client) contactWire(def contactField, v record.Value) (any, string) {
	if v.IsEmpty() {
		switch {
		case def.Kind == record.Bool:
			return false, ""
		case def.nullable:
			return nil, ""
		}
		return "", ""
	}
	return c.wire(def.Kind, v)
}

// customWire is a custom field's value: §4.7. What clears one is unconfirmed; the empty value of its own form is
// the reading that fits the schema.
func (c *Client) customWire(def customField, v record.Value) (any, string) {
	kind := def.spec().Kind
	if v.IsEmpty() {
		if kind == record.Set {
			return []string{}, ""
		}
		return "", ""
	}
	return c.wire(kind, v)
}

func (c *Client) wire(kind record.Kind, v record.Value) (any, string) {
	switch kind {
	case record.Phone:
		number, ok := e164(v.String(), c.cfg.DefaultRegion)
		if !ok {
			return nil, notAPhone(opUpdateContact, "phone").Fields["phone"]
		}
		return number, ""
	case record.Date:
		if at, ok := v.AsTime(); ok {
			return at.Format(time.DateOnly), ""
		}
		if at := instant(v.String()); !at.IsZero() {
			return at.Format(time.DateOnly), ""
		}
		return nil, "is not a date such as 2001-12-31"
	case record.Number:
		if n, ok := toNumber(v); ok {
			return n, ""
		}
		return nil, "is not a number"
	case record.Bool:
		if b, ok := v.AsBool(); ok {
			return b, ""
		}
		if b, err := strconv.ParseBool(v.String()); err == nil {
			return b, ""
		}
		return nil, "is not yes or no"
	case record.Set:
		if list, ok := v.AsList(); ok {
			return list, ""
		}
		return []string{v.String()}, ""
	}
	return v.String(), ""
}

func toNumber(v record.Value) (float64, bool) {
	if n, ok := v.AsNumber(); ok {
		return n, true
	}
	s, ok := v.AsText()
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return n, ok && err == nil && !record.NumberOf(n).IsEmpty()
}

// changedSets turns additions and removals on custom lists into their new whole, since only tags have calls of
// their own: read, change, write.
func (c *Client) changedSets(ctx context.Context, id string, w provider.Write, custom customWrites) (customWrites, error) {
	touched := map[string]bool{}
	for _, m := range []map[string][]string{w.Add, w.Remove} {
		for key := range m {
			switch {
			case strings.HasPrefix(key, customPrefix):
				touched[key] = true
			case key != "tags":
				return nil, invalid(opUpdateContact, key, notAList)
			}
		}
	}
	if len(touched) == 0 {
		return custom, nil
	}
	now, err := c.readContact(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(touched)) {
		have, _ := now.Fields[key].AsList()
		custom = custom.set(strings.TrimPrefix(key, customPrefix), minus(union(have, w.Add[key]), w.Remove[key]))
	}
	return custom, nil
}

// customWrites is the customFields list of a body, by id: the spec requires it although a key may stand in (§4.7).
type customWrites []customWrite

type customWrite struct {
	ID    string `json:"id"`
	Value any    `json:"field_value"`
}

func (w customWrites) set(id string, value any) customWrites {
	if list, ok := value.([]string); ok && list == nil {
		value = []string{}
	}
	for i := range w {
		if w[i].ID == id {
			w[i].Value = value
			return w
		}
	}
	return append(w, customWrite{id, value})
}

// name replaces the validator's "customFields.0.field_value" by the field's own key.
func (w customWrites) name(e *provider.Error) {
	for name, complaint := range e.Fields {
		rest, ok := strings.CutPrefix(name, "customFields.")
		if !ok {
			continue
		}
		delete(e.Fields, name)
		number, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < len(w) {
			e.Fields[customPrefix+w[i].ID] = complaint
		}
	}
}

// union and minus compare without case, as HighLevel stores tags (§4.5).
func union(have, more []string) []string {
	out := slices.Clone(have)
	for _, s := range more {
		if !containsFold(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func minus(have, less []string) []string {
	return slices.DeleteFunc(have, func(s string) bool { return containsFold(less, s) })
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
