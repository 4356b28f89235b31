package gleap

import (
	"context"
	"iter"
	"net/http"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// ID is this provider's name in the house.
const ID provider.ID = "gleap"

// DefaultBaseURL is the EU region, the only one the REST documentation names (reference/gleap.md §2).
const DefaultBaseURL = "https://api.gleap.io/v3"

// Region is a preset of the base URL. A person may type another, since Gleap allows custom domains.
type Region struct {
	Key, Label, BaseURL string
}

// Regions are the data regions Gleap's newer SDKs know; the US address is inferred from them (reference/gleap.md §2).
func Regions() []Region {
	return []Region{
		{Key: "eu", Label: "Europe", BaseURL: DefaultBaseURL},
		{Key: "us", Label: "United States", BaseURL: "https://api.us.gleap.ai/v3"},
	}
}

// Config is what a client needs of a connection.
type Config struct {
	Connection record.ConnectionID
	ProjectID  string
	BaseURL    string // default DefaultBaseURL
	// Token gives the API key or the access token for one attempt.
	Token func(ctx context.Context) (string, error)
	// Refresh renews the token after a refusal; nil with an API key, which a person must replace.
	Refresh func(ctx context.Context) error
	// Budget limits all calls of the project; TicketBudget, when set, limits ticket calls besides: one source knows of
	// a lower limit for them (reference/gleap.md §5).
	Budget       *apiclient.Budget
	TicketBudget *apiclient.Budget
	Transport    http.RoundTripper
	// Failed, when set, is told of every call that failed.
	Failed func(e *provider.Error)
	Now    func() time.Time
}

// Client is one Gleap project. It is safe for concurrent use.
type Client struct {
	connection record.ConnectionID
	project    string
	budget     *apiclient.Budget
	general    *apiclient.Client
	tickets    *apiclient.Client

	contacts cache[[]document]
	samples  cache[[]document]
	lanes    cache[lanes]

	ofContacts, ofTickets witness
}

var (
	_ provider.Client   = (*Client)(nil)
	_ provider.Finder   = (*Client)(nil)
	_ provider.Deleter  = (*Client)(nil)
	_ provider.Children = (*Client)(nil)
	_ provider.Checker  = (*Client)(nil)
)

// New makes a client. It calls nobody.
func New(cfg Config) *Client {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{connection: cfg.Connection, project: cfg.ProjectID}
	for _, cached := range []interface{ clock(func() time.Time) }{&c.contacts, &c.samples, &c.lanes} {
		cached.clock(cfg.Now)
	}
	api := apiclient.Config{
		Provider: ID, BaseURL: cfg.BaseURL, Transport: cfg.Transport, Refresh: cfg.Refresh, Now: cfg.Now,
		Authorize: authorize(cfg), Classify: classify(cfg.Refresh != nil), Budget: cfg.Budget, Failed: cfg.Failed,
	}
	c.general = apiclient.New(api)
	c.tickets = c.general
	if cfg.TicketBudget != nil {
		c.budget = cfg.Budget
		api.Budget = cfg.TicketBudget
		c.tickets = apiclient.New(api)
	}
	return c
}

// authorize sends the Project header everywhere: 29 operations do not list it, none is known to mind
// (reference/gleap.md §3.1).
func authorize(cfg Config) func(context.Context, *http.Request) error {
	return func(ctx context.Context, r *http.Request) error {
		token, err := cfg.Token(ctx)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Project", cfg.ProjectID)
		return nil
	}
}

// Describe lists standard fields, and the custom ones a sample of the newest records shows.
func (c *Client) Describe(ctx context.Context, t record.ObjectType) (record.Schema, error) {
	o, ok := objectOf(t)
	if !ok || o.describe == nil {
		return record.Schema{}, c.unsupported("describe", t)
	}
	return o.describe(ctx, c)
}

// Get reads one record as it is now.
func (c *Client) Get(ctx context.Context, ref record.Ref) (record.Record, error) {
	o, ok := objectOf(ref.Type)
	if !ok || o.get == nil {
		return record.Record{}, c.unsupported("read", ref.Type)
	}
	if err := c.mine("read", ref); err != nil {
		return record.Record{}, err
	}
	return o.get(ctx, c, ref.ID)
}

// List yields pages, longest unchanged first where Gleap sorts as asked.
func (c *Client) List(ctx context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	o, ok := objectOf(q.Type)
	if !ok || o.list == nil {
		return func(yield func(provider.Page, error) bool) {
			yield(provider.Page{}, c.unsupported("list", q.Type))
		}
	}
	return o.list(ctx, c, q)
}

// Find looks a record up by a match field; see provider.Finder.
func (c *Client) Find(ctx context.Context, t record.ObjectType, field string, value record.Value) ([]record.Record, error) {
	o, ok := objectOf(t)
	if !ok || o.find == nil {
		return nil, c.unsupported("find", t)
	}
	return o.find(ctx, c, field, value)
}

// Create writes a new record and answers it as Gleap holds it.
func (c *Client) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	o, ok := objectOf(w.Type)
	if !ok || o.create == nil {
		return record.Record{}, c.unsupported("create", w.Type)
	}
	return o.create(ctx, c, w)
}

// Update writes the fields given and answers the record as Gleap holds it.
func (c *Client) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	o, ok := objectOf(ref.Type)
	if !ok || o.update == nil {
		return record.Record{}, c.unsupported("update", ref.Type)
	}
	if err := c.mine("update", ref); err != nil {
		return record.Record{}, err
	}
	return o.update(ctx, c, ref.ID, w)
}

// Delete removes a record for good.
func (c *Client) Delete(ctx context.Context, ref record.Ref) error {
	o, ok := objectOf(ref.Type)
	if !ok || o.delete == nil {
		return c.unsupported("delete", ref.Type)
	}
	if err := c.mine("delete", ref); err != nil {
		return err
	}
	return o.delete(ctx, c, ref.ID)
}

// Children lists what lives under a record, as it is now.
func (c *Client) Children(ctx context.Context, t record.ObjectType, parent record.Ref) ([]record.Record, error) {
	o, ok := objectOf(t)
	if !ok || o.children == nil || parent.Type != o.Parent {
		return nil, c.unsupported("list by "+string(parent.Type)+" every", t)
	}
	if err := c.mine("read", parent); err != nil {
		return nil, err
	}
	return o.children(ctx, c, parent)
}

// mine refuses a reference that would reach something else than one record: an empty id turns a path into a listing.
func (c *Client) mine(verb string, ref record.Ref) error {
	op := verb + " " + string(ref.Type)
	if ref.ID == "" || ref.ID == "." || ref.ID == ".." {
		return c.fail(provider.NotFound, op, "there is no such id")
	}
	if ref.Connection != "" && ref.Connection != c.connection {
		return c.fail(provider.Invalid, op, "the record belongs to another connection")
	}
	return nil
}

func (c *Client) ref(t record.ObjectType, id string) record.Ref {
	if id == "" {
		return record.Ref{}
	}
	return record.Ref{Connection: c.connection, Type: t, ID: id}
}
