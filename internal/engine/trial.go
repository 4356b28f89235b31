package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// Preview plans for one source record with direct look-ups and writes nothing. The automation may be a draft
// that was never saved; calls made to find out are reported to the context's provider.Recorder.
func (r *Reconciler) Preview(ctx context.Context, a automation.Automation, source record.Ref) (automation.Plan, error) {
	c, err := r.Definitions.Compile(ctx, a)
	if err != nil {
		return automation.Plan{}, err
	}
	ctx = wanting(ctx, a.Definition)
	client, err := r.Gateway.Client(ctx, source.Connection)
	if err != nil {
		return automation.Plan{}, err
	}
	rec, err := client.Get(ctx, source)
	if err != nil {
		return automation.Plan{}, err
	}
	return r.PreviewRecord(ctx, c, rec)
}

// PreviewRecord plans for a source record at hand.
func (r *Reconciler) PreviewRecord(ctx context.Context, c *Compiled, source record.Record) (automation.Plan, error) {
	if !c.Judge(source).Passed {
		return c.Plan(Input{Source: source}), nil
	}
	ctx = wanting(ctx, c.Def)
	target, err := r.Gateway.Client(ctx, c.Def.Target.Connection)
	if err != nil {
		return automation.Plan{}, err
	}
	at, err := finder{compiled: c, links: r.Links, target: target, gateway: r.Gateway}.find(ctx, source)
	if err != nil {
		return automation.Plan{}, err
	}
	return c.Plan(Input{Source: source, Target: at.target, Link: at.link, Base: at.base, Identity: at.identity}), nil
}

// Send carries a test payload out for real, as a run that is marked as a test and links nothing. The run is
// stored like any other, with the request and the API's answer.
func (r *Reconciler) Send(ctx context.Context, a automation.Automation, fields record.Fields) (automation.Run, error) {
	c, err := r.Definitions.Compile(ctx, a)
	if err != nil {
		return automation.Run{}, err
	}
	source := TestRecord(a, r.NewID("test"), fields)
	x := r.begin(a, Work{
		Automation: a.ID, Source: source.Ref,
		Event: automation.Event{ID: r.NewID("ev"), Kind: automation.TestSend, Ref: source.Ref, ReceivedAt: r.Now()},
	})
	x.linking = false
	x.run.Title = source.Title
	ctx = wanting(ctx, a.Definition)
	if _, err := x.carry(provider.WithRecorder(ctx, x.record), c, source); err != nil {
		return automation.Run{}, err
	}
	return x.run, nil
}

// TestRecord is the source record a test payload stands for.
func TestRecord(a automation.Automation, id string, fields record.Fields) record.Record {
	title := "Test payload"
	for _, key := range []string{"name", "title", "email"} {
		if s := fields[key].String(); s != "" {
			title = s + " (test payload)"
			break
		}
	}
	return record.Record{
		Ref:    record.Ref{Connection: a.Definition.Source.Connection, Type: a.Definition.Source.Object, ID: id},
		Fields: fields, Title: title,
	}
}

// PayloadError says what is wrong with a test payload, in words for the person who typed it.
type PayloadError struct{ Sentence string }

func (e *PayloadError) Error() string { return e.Sentence }

// maxPayload is far above any record and far below what would hurt.
const maxPayload = 256 << 10

// ReadPayload turns a test payload into fields: nested objects become dotted keys (customData.plan). Keys the
// schema does not know are returned, so that a typing mistake is seen rather than ignored.
func ReadPayload(body []byte, schema record.Schema) (fields record.Fields, unknown []string, err error) {
	switch {
	case len(body) > maxPayload:
		return nil, nil, &PayloadError{fmt.Sprintf("The payload is %d KiB; a test payload may be up to %d KiB.", len(body)>>10, maxPayload>>10)}
	case !utf8.Valid(body):
		return nil, nil, &PayloadError{"The payload holds bytes that are not text (invalid UTF-8)."}
	}
	var raw map[string]any
	if err := json.Unmarshal(body, &raw); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line, col := position(body, syntax.Offset)
			return nil, nil, &PayloadError{fmt.Sprintf("This is not JSON: line %d, column %d. %s.", line, col, syntax.Error())}
		}
		return nil, nil, &PayloadError{"The payload must be one JSON object, like {\"name\": \"Jane Doe\"}."}
	}
	if raw == nil {
		return nil, nil, &PayloadError{"The payload must be one JSON object, like {\"name\": \"Jane Doe\"}."}
	}
	fields = record.Fields{}
	flatten("", raw, fields, schema, &unknown)
	slices.Sort(unknown)
	return fields, unknown, nil
}

func flatten(prefix string, raw map[string]any, out record.Fields, schema record.Schema, unknown *[]string) {
	for k, v := range raw {
		key := prefix + k
		if _, known := schema.Field(key); known {
			out[key] = record.FromJSON(v)
			continue
		}
		if m, ok := v.(map[string]any); ok {
			flatten(key+".", m, out, schema, unknown)
			continue
		}
		*unknown = append(*unknown, key)
	}
}

func position(body []byte, offset int64) (line, col int) {
	line, col = 1, 1
	for _, b := range body[:min(int(offset), len(body))] {
		col++
		if b == '\n' {
			line, col = line+1, 1
		}
	}
	return line, max(col-1, 1)
}
