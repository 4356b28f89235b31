package highlevel

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"sync"
	"time"

	"crosswalk/internal/apiclient"
	"crosswalk/internal/provider"
	"crosswalk/internal/record"
)

// ID is this provider's name.
const ID provider.ID = "highlevel"

const (
	// DefaultBaseURL serves every public API: §1.
	DefaultBaseURL = "https://services.leadconnectorhq.com"
	// version is the API version the shapes here were written for; without the header every call reads as 401: §1.
	version       = "2021-07-28"
	versionHeader = "Version"
)

// Config is one authorised location.
type Config struct {
	Connection record.ConnectionID
	LocationID string
	BaseURL    string // default DefaultBaseURL
	// Token is the access token to use now: of OAuth, or a private integration's.
	Token func(ctx context.Context) (string, error)
	// Refresh gets a new access token after the current one was refused; nil when there is none to get.
	Refresh   func(ctx context.Context) error
	Budget    *apiclient.Budget
	Transport http.RoundTripper
	// DefaultRegion reads phone numbers without a country code, ISO 3166-1 alpha-2; empty refuses them, since what
	// HighLevel would assume is unconfirmed: §4.8.
	DefaultRegion string
	// Failed, when set, is told of every call that failed.
	Failed func(e *provider.Error)
	Now    func() time.Time
}

// Client is one location. It implements provider.Client, Finder, Deleter, Children and Checker.
type Client struct {
	cfg Config
	api *apiclient.Client

	mu     sync.Mutex
	custom cached[[]customField]
	place  cached[location]
	diary  cached[[]calendar]
	spans  map[span]cached[[]booked]
	// reading is when a reading of all calendars began that did not come to its end; zero: none.
	reading time.Time
	left    map[string]time.Time // contacts of which an appointment left its span of a calendar, and when we saw it
}

// cached is a value with the time it was read.
type cached[T any] struct {
	value T
	at    time.Time
}

// New makes a client.
func New(cfg Config) *Client {
	cfg.BaseURL = cmp.Or(cfg.BaseURL, DefaultBaseURL)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Client{cfg: cfg}
	c.api = apiclient.New(apiclient.Config{
		Provider: ID, BaseURL: cfg.BaseURL, Transport: cfg.Transport, Budget: cfg.Budget, Refresh: cfg.Refresh,
		Authorize: c.authorize, Classify: c.classify, Failed: cfg.Failed, Now: cfg.Now,
	})
	return c
}

func (c *Client) authorize(ctx context.Context, r *http.Request) error {
	token, err := c.cfg.Token(ctx)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if r.Header.Get(versionHeader) == "" {
		r.Header.Set(versionHeader, version)
	}
	return nil
}

func (c *Client) ref(t record.ObjectType, id string) record.Ref {
	return record.Ref{Connection: c.cfg.Connection, Type: t, ID: id}
}

// Describe implements provider.Client.
func (c *Client) Describe(ctx context.Context, t record.ObjectType) (record.Schema, error) {
	o, err := known(t, "describe")
	if err != nil {
		return record.Schema{}, err
	}
	return o.describe(ctx, c)
}

// Get implements provider.Client.
func (c *Client) Get(ctx context.Context, ref record.Ref) (record.Record, error) {
	o, err := known(ref.Type, "read")
	if err != nil {
		return record.Record{}, err
	}
	if ref.ID == "" || o.get == nil {
		return record.Record{}, unsupported("read "+o.Label, o.get != nil)
	}
	return o.get(ctx, c, ref.ID)
}

// List implements provider.Client.
func (c *Client) List(ctx context.Context, q provider.Query) iter.Seq2[provider.Page, error] {
	return func(yield func(provider.Page, error) bool) {
		o, err := known(q.Type, "list")
		if err == nil && o.page == nil {
			err = unsupported("list "+o.Plural, false)
		}
		if err != nil {
			yield(provider.Page{}, err)
			return
		}
		for {
			page, err := o.page(ctx, c, q)
			if err != nil {
				yield(provider.Page{}, err)
				return
			}
			if !yield(page, nil) || page.Next == "" {
				return
			}
			if page.Next == q.Cursor {
				yield(provider.Page{}, &provider.Error{Provider: ID, Op: "list " + o.Plural, Kind: provider.Unavailable, Detail: "HighLevel's listing does not move on"})
				return
			}
			q.Cursor = page.Next
		}
	}
}

// Create implements provider.Client.
func (c *Client) Create(ctx context.Context, w provider.Write) (record.Record, error) {
	o, err := known(w.Type, "create")
	if err != nil {
		return record.Record{}, err
	}
	if o.create == nil {
		return record.Record{}, unsupported("create "+o.Label, false)
	}
	return o.create(ctx, c, w)
}

// Update implements provider.Client. With nothing to write it only reads.
func (c *Client) Update(ctx context.Context, ref record.Ref, w provider.Write) (record.Record, error) {
	o, err := known(ref.Type, "update")
	if err != nil {
		return record.Record{}, err
	}
	if ref.ID == "" || o.update == nil {
		return record.Record{}, unsupported("update "+o.Label, o.update != nil)
	}
	if w.IsEmpty() {
		return o.get(ctx, c, ref.ID)
	}
	return o.update(ctx, c, ref.ID, w)
}

// Find implements provider.Finder.
func (c *Client) Find(ctx context.Context, t record.ObjectType, field string, value record.Value) ([]record.Record, error) {
	o, err := known(t, "find")
	if err != nil {
		return nil, err
	}
	if o.find == nil {
		return nil, unsupported("find "+o.Label, false)
	}
	return o.find(ctx, c, field, value)
}

// Delete implements provider.Deleter.
func (c *Client) Delete(ctx context.Context, ref record.Ref) error {
	o, err := known(ref.Type, "delete")
	if err != nil {
		return err
	}
	if ref.ID == "" || o.delete == nil {
		return unsupported("delete "+o.Label, o.delete != nil)
	}
	return o.delete(ctx, c, ref.ID)
}

// Children implements provider.Children.
func (c *Client) Children(ctx context.Context, t record.ObjectType, parent record.Ref) ([]record.Record, error) {
	o, err := known(t, "list")
	if err != nil {
		return nil, err
	}
	if o.children == nil || parent.Type != o.Parent {
		return nil, unsupported("list "+o.Plural+" of a "+string(parent.Type), false)
	}
	if parent.ID == "" {
		return nil, unsupported("list "+o.Plural, true)
	}
	return o.children(ctx, c, parent.ID)
}

// unsupported is the error of an ability the object lacks; of an ability it has, called without an id, NotFound.
func unsupported(op string, noID bool) error {
	if noID {
		return &provider.Error{Provider: ID, Op: op, Kind: provider.NotFound, Detail: "there is no id"}
	}
	return &provider.Error{Provider: ID, Op: op, Kind: provider.Unsupported}
}
