package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"crosswalk/internal/automation"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// schemaLife bounds how long a field added in a provider's account stays unknown here.
const schemaLife = time.Minute

// Definitions compiles definitions and remembers them, so that a record costs no compile and no describe.
type Definitions struct {
	Gateway     Gateway
	Descriptors map[provider.ID]provider.Descriptor
	Now         func() time.Time

	mu      sync.Mutex
	schemas map[schemaKey]schemaEntry
	ready   map[automation.ID]readyEntry
}

type schemaKey struct {
	connection record.ConnectionID
	object     record.ObjectType
}

type schemaEntry struct {
	schema record.Schema
	until  time.Time
}

type readyEntry struct {
	compiled *Compiled
	until    time.Time
}

// Schema describes one side, from memory when it was asked for within the last minute.
func (d *Definitions) Schema(ctx context.Context, c record.ConnectionID, t record.ObjectType) (record.Schema, error) {
	key := schemaKey{c, t}
	d.mu.Lock()
	e, ok := d.schemas[key]
	d.mu.Unlock()
	if ok && d.Now().Before(e.until) {
		return e.schema, nil
	}
	client, err := d.Gateway.Client(ctx, c)
	if err != nil {
		return record.Schema{}, fmt.Errorf("describe %s of %s: %w", t, c, err)
	}
	schema, err := client.Describe(ctx, t)
	if err != nil {
		return record.Schema{}, fmt.Errorf("describe %s of %s: %w", t, c, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.schemas == nil {
		d.schemas = map[schemaKey]schemaEntry{}
	}
	d.schemas[key] = schemaEntry{schema, d.Now().Add(schemaLife)}
	return schema, nil
}

// Forget drops what is remembered of a connection, after it was reconnected.
func (d *Definitions) Forget(c record.ConnectionID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.schemas {
		if k.connection == c {
			delete(d.schemas, k)
		}
	}
	clear(d.ready)
}

// Compile makes an automation's definition ready, from memory when this version is known and its schemas fresh.
func (d *Definitions) Compile(ctx context.Context, a automation.Automation) (*Compiled, error) {
	d.mu.Lock()
	e, ok := d.ready[a.ID]
	d.mu.Unlock()
	if ok && e.compiled.Version == a.Version && d.Now().Before(e.until) {
		return e.compiled, nil
	}
	c, err := d.Try(ctx, a)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready == nil {
		d.ready = map[automation.ID]readyEntry{}
	}
	d.ready[a.ID] = readyEntry{c, d.Now().Add(schemaLife)}
	return c, nil
}

// Try compiles a definition that may not be saved yet, and remembers only the schemas.
func (d *Definitions) Try(ctx context.Context, a automation.Automation) (*Compiled, error) {
	source, err := d.side(ctx, a.Definition.Source)
	if err != nil {
		return nil, err
	}
	target, err := d.side(ctx, a.Definition.Target)
	if err != nil {
		return nil, err
	}
	return Compile(a, source, target), nil
}

func (d *Definitions) side(ctx context.Context, e automation.Endpoint) (Side, error) {
	schema, err := d.Schema(ctx, e.Connection, e.Object)
	if err != nil {
		return Side{}, err
	}
	object, _ := d.Descriptors[e.Provider].Object(e.Object)
	return Side{Schema: schema, Object: object}, nil
}
