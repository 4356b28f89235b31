package gleap

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strings"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// call is one request in Gleap's terms.
type call struct {
	op, method, path string
	query            query
	body             any
}

// do sends a call and returns the answer's JSON; null for a deletion.
func (c *Client) do(ctx context.Context, in call) (json.RawMessage, error) {
	api := c.general
	if strings.HasPrefix(in.path, "/tickets") && c.tickets != c.general {
		// A ticket call counts against both limits.
		if err := c.budget.Wait(ctx, provider.PriorityOf(ctx)); err != nil {
			if e, ok := errors.AsType[*provider.Error](err); ok {
				e.Provider, e.Op = ID, in.op
				return nil, e
			}
			stopped := c.fail(provider.Unavailable, in.op, "stopped while waiting for the rate limit")
			stopped.Err = err
			return nil, stopped
		}
		defer c.budget.Done()
		api = c.tickets
	}
	var raw json.RawMessage
	var out any = &raw
	if in.method == http.MethodDelete {
		out = nil // 204 or 200 with anything (reference/gleap.md §6)
	}
	_, err := api.Do(ctx, apiclient.Request{
		Op: in.op, Method: in.method, Path: in.path, RawQuery: in.query.String(), Body: in.body,
		Write: in.method != http.MethodGet,
	}, out)
	return raw, err
}

// one reads a single object; an answer that holds none counts as gone.
func (c *Client) one(ctx context.Context, in call) (document, error) {
	raw, err := c.do(ctx, in)
	if err != nil {
		return nil, err
	}
	if d := single(raw); d != nil {
		return d, nil
	}
	return nil, c.fail(provider.NotFound, in.op, "the answer holds no record")
}

// many reads a listing that fits one answer.
func (c *Client) many(ctx context.Context, in call) ([]document, error) {
	raw, err := c.do(ctx, in)
	if err != nil {
		return nil, err
	}
	ds, _ := documents(raw)
	return ds, nil
}

// writing is what reading a written record again takes to know about its kind.
type writing struct {
	op       string
	fields   []field
	toRecord func(document) record.Record
	read     func(context.Context, string) (document, error)
	witness  *witness
}

func (k writing) kind(key string) record.Kind {
	if f, ok := fieldOf(k.fields, key); ok {
		return f.Kind
	}
	return record.Text
}

// settled returns a written record as Gleap holds it because of the write: what it answered where such answers are
// believed, or what is read then. The write has happened, so a failing read must not look like a failed write: what the
// write answered is returned instead.
func (c *Client) settled(ctx context.Context, k writing, answer json.RawMessage, w provider.Write) (record.Record, error) {
	d := single(answer)
	if d == nil {
		return record.Record{}, c.fail(provider.Ambiguous, k.op, "Gleap accepted it but did not say which record it is")
	}
	answered := k.toRecord(d)
	said := claims(w, answered, k.kind)
	if k.witness.believes(d, said) {
		return answered, nil
	}
	now, err := k.read(ctx, d.id())
	switch {
	case err == nil:
		read := k.toRecord(now)
		k.witness.compare(said, claims(w, read, k.kind))
		return asAnswered(read, answered, w, k.kind), nil
	case len(d) == 1: // nothing but the id is known
		return record.Record{Ref: answered.Ref}, nil
	}
	return answered, nil
}

// asAnswered puts what a write's answer says was taken over what was read afterwards: between the two somebody may have
// edited.
func asAnswered(read, answered record.Record, w provider.Write, kind func(key string) record.Kind) record.Record {
	for key, asked := range w.Fields {
		if v := answered.Fields[key]; !v.IsEmpty() && record.Same(kind(key), v, asked, record.Locale{}) {
			read.Fields[key] = v
		}
	}
	return read
}

func recordsOf(ds []document, toRecord func(document) record.Record) []record.Record {
	out := make([]record.Record, len(ds))
	for i, d := range ds {
		out[i] = toRecord(d)
	}
	return out
}

// onePage is a listing that is not paged.
func onePage(read func() ([]record.Record, error)) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		records, err := read()
		if err != nil {
			yield(provider.Page{}, err)
			return
		}
		yield(provider.Page{Records: records, Total: len(records)}, nil)
	}
}
